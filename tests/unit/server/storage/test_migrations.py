"""The steps of the schema lead to exactly the tables that the code uses, one after the other."""

from collections.abc import Iterator
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from msgspec.structs import replace
from sqlalchemy import (
    Boolean,
    Connection,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    create_engine,
    inspect,
    select,
    text,
)
from sqlalchemy.types import TypeEngine

from server.storage.backend import StoreBounds
from server.storage.database import Database
from server.storage.migrate import HEAD, MIGRATIONS, upgrade
from server.storage.tables import METADATA
from tests.unit.server.storage.random_records import records

BOUNDS = StoreBounds(answer_s=30.0)


def test_the_migrations_and_the_tables_do_not_drift_apart(plain_engine: Engine) -> None:
    with plain_engine.begin() as connection:
        upgrade(connection)
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_the_head_in_the_code_is_the_head_of_the_scripts() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_the_steps_are_one_chain_without_branches() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    revisions = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert revisions == sorted(revisions, reverse=True)
    assert revisions[-1] == "0001"


def to(connection: Connection, revision: str) -> None:
    """Brings the schema to a revision."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, revision)


def a_row_of(table: Table) -> dict[str, Any]:
    """A row with a value in every column."""
    return {column.name: a_value_of(column.type) for column in table.columns}


def a_value_of(kind: TypeEngine[Any]) -> Any:
    if isinstance(kind, Boolean):
        return True
    if isinstance(kind, LargeBinary):
        return b"x"
    return 1 if isinstance(kind, Integer) else "x"


def reflected(connection: Connection) -> dict[str, Table]:
    """The tables that are there, those that others refer to first."""
    found = MetaData()
    found.reflect(connection)
    return {table.name: table for table in found.sorted_tables if table.name != "alembic_version"}


def revisions() -> list[str]:
    """All of them, oldest first."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    return [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()][::-1]


def broken_by(before: Table, after: Table | None) -> Iterator[str]:
    """What a program that knows the table before cannot do with the table after."""
    if after is None:
        yield f"{before.name} is gone"
        return
    known = {column.name: column for column in before.columns}
    for column in after.columns:
        old = known.pop(column.name, None)
        is_optional = column.nullable or column.server_default is not None
        if not is_optional and (old is None or old.nullable):
            yield f"{before.name}.{column.name} must be written now"
    for name in known:
        yield f"{before.name}.{name} is gone"


def test_the_program_before_a_step_still_works_after_it(plain_engine: Engine) -> None:
    """A step only adds, and what it adds to a table that was there may be left out by who does not know it."""
    with plain_engine.begin() as connection:
        to(connection, "0001")
        before = reflected(connection)
        for revision in revisions()[1:]:
            to(connection, revision)
            after = reflected(connection)
            found = [each for name, table in before.items() for each in broken_by(table, after.get(name))]
            assert found == [], revision
            before = after


def test_the_first_revision_with_data_comes_to_the_head_and_keeps_them(plain_engine: Engine) -> None:
    with plain_engine.begin() as connection:
        to(connection, "0001")
        before = reflected(connection)
        for table in before.values():
            connection.execute(table.insert().values(a_row_of(table)))
    with plain_engine.begin() as connection:
        upgrade(connection)
        now = reflected(connection)
        for name, table in before.items():
            kept = connection.execute(select(*(now[name].c[column.name] for column in table.columns))).one()
            expected = a_row_of(table)
            assert {column: kept._mapping[column] for column in expected} == expected
        indexes = {index["name"] for index in inspect(connection).get_indexes("operations")}
        assert "ix_operations_user_id_created_at" in indexes


def test_members_of_before_the_second_step_joined_when_their_workspace_was_made(plain_engine: Engine) -> None:
    with plain_engine.begin() as connection:
        to(connection, "0001")
        tables = reflected(connection)
        for name in ("users", "workspaces", "members"):
            row = a_row_of(tables[name])
            connection.execute(tables[name].insert().values({**row, "created_at": 42} if name == "workspaces" else row))
        upgrade(connection)
        assert connection.execute(text("SELECT created_at FROM members")).scalar() == 42
        kept = connection.execute(text("SELECT weights, content_policy, cache_policy FROM workspaces")).one()
        assert tuple(kept) == ("[]", "metadata", "default")


def downgraded(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """The roll-ups as the code kept them; then takes the database back to before there were any."""
    alike = "provider_id, provider, model, outcome, status"
    others = (
        f"input_tokens, {', '.join(f'{name}_tokens' for name in ('cache_read', 'cache_write', 'output', 'reasoning'))}"
    )
    others += ", is_estimated, cost_nanousd, price_version"
    times = ("started_at", "latency_ms", "first_token_ms")
    connection.execute(
        text(
            f"INSERT INTO attempts (request_id, number, {alike}, {others}, {', '.join(times)}, detail) "
            f"SELECT request_id, 1, {alike}, {others}, {', '.join(f'call_{name}' for name in times)}, '' "
            "FROM operations WHERE call_started_at IS NOT NULL"
        )
    )
    for name in times:
        connection.execute(text(f"ALTER TABLE operations DROP COLUMN call_{name}"))
    inspector = inspect(connection)
    names = [name for name in inspector.get_table_names() if name.partition("_")[0] in {"usage", "call", "latency"}]
    found = {}
    for name in names:
        found[name] = sorted(tuple(row) for row in connection.execute(text(f"SELECT * FROM {name}")))
        connection.execute(text(f"DROP TABLE {name}"))
    connection.execute(text("ALTER TABLE operations DROP COLUMN saved_nanousd"))
    connection.execute(text("UPDATE alembic_version SET version_num = '0003'"))
    return found


async def test_the_step_to_roll_ups_fills_them_as_the_code_would_have(url: str) -> None:
    made = [replace(record, saved_nanousd=None) for record in records(21, 400)]
    database = await Database.open(url, BOUNDS)
    async with database.write() as tx:
        await tx.operations.add_many(made, "prices/1")
    await database.close()
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        kept = downgraded(connection)
        to(connection, "0004")
        filled = {
            name: sorted(tuple(row) for row in connection.execute(text(f"SELECT * FROM {name}"))) for name in kept
        }
    engine.dispose()
    assert sum(len(rows) for rows in kept.values()) > 1000
    assert filled == kept
