"""The steps of the schema lead to exactly the tables that the code uses, one after the other."""

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text

from server.storage.migrate import HEAD, MIGRATIONS, upgrade
from server.storage.tables import METADATA


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


def test_members_of_before_the_second_step_joined_when_their_workspace_was_made(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/old.db")
    with engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        config.set_main_option("path_separator", "os")
        command.upgrade(config, "0001")
        connection.execute(text("INSERT INTO users VALUES ('usr_1','a@b','a@b','hash','',  'free', 0, 0, 7)"))
        connection.execute(text("INSERT INTO workspaces VALUES ('ws_1','usr_1','My Workspace','default', 1, 42)"))
        connection.execute(text("INSERT INTO members VALUES ('ws_1','usr_1','owner')"))
        upgrade(connection)
        assert connection.execute(text("SELECT created_at FROM members")).scalar() == 42
        kept = connection.execute(text("SELECT weights, content_policy, cache_policy FROM workspaces")).one()
        assert tuple(kept) == ("[]", "metadata", "off")
    engine.dispose()
