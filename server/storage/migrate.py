"""Brings a database to the newest schema, at start and without any configuration file.

The steps are in `migrations/versions`, one file each, only ever added to. An empty database is made as the tables are
now, to which all steps lead, and a database at the head costs one query: Alembic, which is large, is imported only for
one that is behind.
"""

from pathlib import Path

from sqlalchemy import Column, MetaData, PrimaryKeyConstraint, String, Table, inspect, select
from sqlalchemy.engine import Connection

from server.storage.tables import METADATA

HEAD = "0011"
"""The newest revision; a test holds it equal to the head of the scripts."""

MIGRATIONS = Path(__file__).parent / "migrations"

# As Alembic makes it.
_VERSION = Table(
    "alembic_version",
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
)


def upgrade(connection: Connection) -> None:
    """Makes what is missing inside the transaction of `connection`: all of it, or nothing.

    A database that is newer than this program is left as it is: a step only adds, so the program before it still works.
    """
    names = set(inspect(connection).get_table_names())
    if names.isdisjoint((*METADATA.tables, _VERSION.name)):
        METADATA.create_all(connection, checkfirst=False)
        _VERSION.create(connection)
        connection.execute(_VERSION.insert().values(version_num=HEAD))
        return
    revision = connection.execute(select(_VERSION.c.version_num)).scalar() if _VERSION.name in names else None
    if revision is None or revision < HEAD:
        step_up(connection)


def step_up(connection: Connection) -> None:
    """Runs the steps that are missing, of an empty database all."""
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "os")
    command.upgrade(config, "head")
