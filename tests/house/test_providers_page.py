"""The table of providers in the docs is the registry; `--update-golden` writes it anew."""

import pytest

from server.providers.registry import PROVIDERS, Provider
from tests.house.sources import ROOT

PAGE = ROOT / "docs/providers.md"
BEGIN = "<!-- table of the registry: pytest --update-golden tests/house/test_providers_page.py -->\n"
END = "<!-- end of the table -->\n"


def row_of(provider: Provider) -> str:
    """A row of the table."""
    models = ", ".join(f"`{model}`" for model in provider.default_models[:3])
    more = ", …" if len(provider.default_models) > 3 else ""
    base_url = f"`{provider.default_base_url}`" if provider.default_base_url else "the entry's own"
    key = f"`{provider.key_env}`" if provider.key_env else ""
    cells = (f"`{provider.name}`", provider.display_name, provider.dialect.name, base_url, key, models + more)
    return "| " + " | ".join(cells) + " |\n"


def table() -> str:
    """The table, without the provider that is part of the gateway."""
    head = "| name | provider | dialect | base URL | key in | usual models |\n|---|---|---|---|---|---|\n"
    return head + "".join(row_of(provider) for provider in PROVIDERS.values() if not provider.is_builtin)


def test_the_table_is_the_registry(request: pytest.FixtureRequest) -> None:
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert end
    made = before + BEGIN + table() + END + after
    if request.config.getoption("--update-golden"):
        PAGE.write_text(made, encoding="utf-8")
        return
    assert text == made
