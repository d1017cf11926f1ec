"""The rows of servers that one runs oneself."""

import pytest

from server.providers.provider import Provider
from server.providers.rows.servers import SERVERS


@pytest.mark.parametrize("row", SERVERS, ids=lambda row: row.name)
def test_a_server_needs_no_key_and_is_on_this_machine_or_named(row: Provider) -> None:
    assert row.key_env == ""
    assert row.default_base_url == "" or row.default_base_url.startswith("http://127.0.0.1:")
