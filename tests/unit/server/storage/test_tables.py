"""Rules that every table keeps."""

import pytest
from sqlalchemy import Table
from sqlalchemy.engine import make_url
from sqlalchemy.schema import CreateTable

from server.storage.tables import ATTEMPTS, METADATA, OPERATIONS


@pytest.mark.parametrize("table", METADATA.sorted_tables, ids=lambda table: str(table.name))
def test_a_table_has_a_primary_key_and_can_be_made_on_postgresql_too(table: Table) -> None:
    dialect = make_url("postgresql+psycopg://host/db").get_dialect()
    assert list(table.primary_key)
    assert str(CreateTable(table).compile(dialect=dialect()))


@pytest.mark.parametrize("table", [OPERATIONS, ATTEMPTS], ids=lambda table: str(table.name))
def test_the_ledger_refers_to_nothing_so_that_a_replay_is_never_refused(table: Table) -> None:
    assert not table.foreign_keys
