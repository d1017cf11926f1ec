"""Vendors with a wire of their own."""

import pytest

from server.catalogue.catalogue import Catalogue
from server.providers.provider import Provider
from server.providers.registry import PROVIDERS
from server.providers.rows.own_wires import OWN_WIRES

CATALOGUE = Catalogue.load()


@pytest.mark.parametrize("row", OWN_WIRES, ids=lambda row: row.name)
def test_the_usual_models_are_known_and_served(row: Provider) -> None:
    known = [CATALOGUE.find(row.name, model) for model in row.default_models]
    assert None not in known
    assert len(set(row.default_models)) == len(row.default_models)
    assert PROVIDERS[row.name] is row


@pytest.mark.parametrize("row", OWN_WIRES, ids=lambda row: row.name)
def test_the_dialect_is_its_own(row: Provider) -> None:
    assert row.dialect.name != PROVIDERS["openai"].dialect.name
