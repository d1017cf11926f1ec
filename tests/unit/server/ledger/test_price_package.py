"""What is written down of the package is what the package says."""

from importlib.metadata import version
from pathlib import Path

import msgspec
import pytest
from genai_prices import types

from server.ledger import price_package
from server.ledger.price_package import installed_prices, main
from server.ledger.published_prices import FILE, Document, Provider


def test_the_file_is_what_the_installed_package_says(tmp_path: Path) -> None:
    made = tmp_path / "prices.json"
    assert main(made) == 0
    assert made.read_bytes() == FILE.read_bytes(), "the package has another version: run `make prices`"


def test_the_file_says_where_it_is_from_and_reads_back() -> None:
    document = msgspec.json.decode(FILE.read_bytes(), type=Document)
    assert document.version == version("genai-prices")
    assert document.notice.startswith("The MIT License")
    read = {name: msgspec.json.decode(raw, type=Provider) for name, raw in document.providers.items()}
    assert read == installed_prices()


@pytest.mark.parametrize("read", [price_package._rule, price_package._when])
def test_what_is_of_a_new_kind_is_not_guessed(read: object) -> None:
    assert callable(read)
    with pytest.raises(TypeError, match="new kind, Tier"):
        read(types.Tier(1, 2))  # type: ignore[arg-type]  # nor a price
