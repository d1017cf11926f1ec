"""Brings a database to the newest schema, at start and without any configuration file.

The steps are in `migrations/versions`, one file each, only ever added to. Alembic is imported only when there is
something to do: a database that is at the head costs one query.
"""

from pathlib import Path

from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection

HEAD = "0010"
"""The newest revision; a test holds it equal to the head of the scripts."""

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(connection: Connection) -> None:
    """Runs the missing steps inside the transaction of `connection`: all of them, or none.

    A database that is newer than this program is left as it is: a step only adds, so the program before it still works.
    """
    revision = _current(connection)
    if revision is not None and revision >= HEAD:
        return
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, "head")


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
