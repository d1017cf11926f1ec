"""Every start brings the database to the head, from nothing, from where it was, or not at all; on each engine."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, inspect, text

from server.storage.migrate import HEAD, step_up, upgrade
from server.storage.tables import METADATA


def test_an_empty_database_comes_to_the_head(plain_engine: Engine) -> None:
    with plain_engine.begin() as connection:
        upgrade(connection)
    with plain_engine.connect() as connection:
        assert set(inspect(connection).get_table_names()) == {*METADATA.tables, "alembic_version"}
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == HEAD


def test_a_second_start_changes_nothing(plain_engine: Engine) -> None:
    for _ in range(2):
        with plain_engine.begin() as connection:
            upgrade(connection)


def test_a_newer_database_is_left_as_it_is(plain_engine: Engine) -> None:
    with plain_engine.begin() as connection:
        upgrade(connection)
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        upgrade(connection)
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "9999"


def schema(connection: Connection) -> dict[str, Any]:
    """What a database is made of, whatever the order in which it was made."""
    seen = inspect(connection)

    def ordered(found: list[Any]) -> list[str]:
        return sorted(repr(sorted((key, str(value)) for key, value in each.items())) for each in found)

    return {
        name: {
            "columns": ordered(list(seen.get_columns(name))),
            "indexes": ordered(list(seen.get_indexes(name))),
            "unique": ordered(list(seen.get_unique_constraints(name))),
            "foreign": ordered(list(seen.get_foreign_keys(name))),
            "primary": seen.get_pk_constraint(name),
        }
        for name in seen.get_table_names()
    }


def made_by(engine: Engine, make: Callable[[Connection], None]) -> tuple[dict[str, Any], str | None]:
    with engine.begin() as connection:
        make(connection)
    with engine.connect() as connection:
        found = schema(connection), connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    with engine.begin() as connection:
        for name in (*reversed(METADATA.sorted_tables), "alembic_version"):
            connection.execute(text(f"DROP TABLE {name}"))
    return found


def test_the_steps_lead_to_what_an_empty_database_is_made_as(plain_engine: Engine) -> None:
    assert made_by(plain_engine, step_up) == made_by(plain_engine, upgrade)


def test_a_database_that_was_begun_is_not_taken_for_an_empty_one(plain_engine: Engine) -> None:
    with plain_engine.begin() as connection:
        upgrade(connection)
        connection.execute(text("DROP TABLE alembic_version"))
    with pytest.raises(Exception, match="exist"), plain_engine.begin() as connection:
        upgrade(connection)


def test_alembic_is_imported_only_for_a_database_that_is_behind(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from sqlalchemy import create_engine, text\n"
        "from server.storage.migrate import upgrade\n"
        f"engine = create_engine('sqlite:///{tmp_path}/perpetuo.db')\n"
        "for _ in range(2):\n"
        "    with engine.begin() as connection:\n"
        "        upgrade(connection)\n"
        "assert 'alembic' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    engine = create_engine(f"sqlite:///{tmp_path}/perpetuo.db")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == HEAD
    engine.dispose()
