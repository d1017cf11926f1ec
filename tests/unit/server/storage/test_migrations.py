"""The steps of the schema lead to exactly the tables that the code uses, one after the other."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Integer, create_engine, inspect, text

from server.storage.database import Database
from server.storage.migrate import HEAD, MIGRATIONS, upgrade
from server.storage.tables import METADATA
from tests.unit.server.storage.random_records import records


def test_the_migrations_and_the_tables_do_not_drift_apart(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/new.db")
    with engine.begin() as connection:
        upgrade(connection)
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
    engine.dispose()


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


def test_the_first_revision_with_data_comes_to_the_head_and_keeps_them(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/old.db")
    with engine.begin() as connection:
        to(connection, "0001")
        before = inspect(connection).get_columns("operations")
        values = ", ".join("1" if isinstance(column["type"], Integer) else "'x'" for column in before)
        connection.execute(text(f"INSERT INTO operations VALUES ({values})"))
    with engine.begin() as connection:
        upgrade(connection)
        assert connection.execute(text("SELECT request_id FROM operations")).scalars().all() == ["x"]
        indexes = {index["name"] for index in inspect(connection).get_indexes("operations")}
        assert "ix_operations_user_id_created_at" in indexes
    engine.dispose()


def test_members_of_before_the_second_step_joined_when_their_workspace_was_made(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/old.db")
    with engine.begin() as connection:
        to(connection, "0001")
        connection.execute(text("INSERT INTO users VALUES ('usr_1','a@b','a@b','hash','',  'free', 0, 0, 7)"))
        connection.execute(text("INSERT INTO workspaces VALUES ('ws_1','usr_1','My Workspace','default', 1, 42)"))
        connection.execute(text("INSERT INTO members VALUES ('ws_1','usr_1','owner')"))
        upgrade(connection)
        assert connection.execute(text("SELECT created_at FROM members")).scalar() == 42
        kept = connection.execute(text("SELECT weights, content_policy, cache_policy FROM workspaces")).one()
        assert tuple(kept) == ("[]", "metadata", "default")
    engine.dispose()


def downgraded(connection: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """The roll-ups as the code kept them; then takes the database back to before there were any."""
    inspector = inspect(connection)
    names = [name for name in inspector.get_table_names() if name.partition("_")[0] in {"usage", "call", "latency"}]
    found = {}
    for name in names:
        found[name] = sorted(tuple(row) for row in connection.execute(text(f"SELECT * FROM {name}")))
        connection.execute(text(f"DROP TABLE {name}"))
    connection.execute(text("ALTER TABLE operations DROP COLUMN saved_nanousd"))
    connection.execute(text("UPDATE alembic_version SET version_num = '0003'"))
    return found


async def test_the_step_to_roll_ups_fills_them_as_the_code_would_have(tmp_path: Path) -> None:
    made = [replace(record, saved_nanousd=None) for record in records(21, 400)]
    database = await Database.open(f"sqlite:///{tmp_path}/old.db")
    async with database.write() as tx:
        await tx.operations.add_many(made, "prices/1")
    await database.close()
    engine = create_engine(f"sqlite:///{tmp_path}/old.db")
    with engine.begin() as connection:
        kept = downgraded(connection)
        to(connection, "0004")
        filled = {
            name: sorted(tuple(row) for row in connection.execute(text(f"SELECT * FROM {name}"))) for name in kept
        }
    engine.dispose()
    assert sum(len(rows) for rows in kept.values()) > 1000
    assert filled == kept
