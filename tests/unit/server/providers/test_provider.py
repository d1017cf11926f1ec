"""A row of the registry."""

from server.providers.openai import OpenAiDialect
from server.providers.provider import Provider


def test_a_row_needs_no_more_than_its_names_and_a_dialect() -> None:
    row = Provider("a", "A", OpenAiDialect())
    assert (row.default_base_url, row.default_models, row.key_env, row.is_builtin) == ("", (), "", False)
