"""The rows of vendors."""

import pytest

from server.providers.openai import OpenAiDialect
from server.providers.provider import Provider
from server.providers.rows.vendors import VENDORS


@pytest.mark.parametrize("row", VENDORS, ids=lambda row: row.name)
def test_a_vendor_is_reached_by_https_with_a_key(row: Provider) -> None:
    assert row.default_base_url.startswith("https://")
    assert row.key_env.isupper()


@pytest.mark.parametrize("row", VENDORS, ids=lambda row: row.name)
def test_a_bound_of_the_answer_is_renamed_in_one_way_only(row: Provider) -> None:
    dialect = row.dialect
    assert isinstance(dialect, OpenAiDialect)
    assert not (dialect.limit and "max_tokens" in {old for old, _ in dialect.renamed})
