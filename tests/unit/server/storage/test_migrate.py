"""Every start brings the database to the head, from nothing, from where it was, or not at all."""

from pathlib import Path

from sqlalchemy import create_engine, inspect, text

from server.storage.migrate import HEAD, upgrade
from server.storage.tables import METADATA


def test_an_empty_database_comes_to_the_head(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/new.db")
    with engine.begin() as connection:
        upgrade(connection)
    with engine.connect() as connection:
        assert set(inspect(connection).get_table_names()) == {*METADATA.tables, "alembic_version"}
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == HEAD
    engine.dispose()


def test_a_second_start_changes_nothing(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/new.db")
    for _ in range(2):
        with engine.begin() as connection:
            upgrade(connection)
    engine.dispose()


def test_a_newer_database_is_left_as_it_is(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/new.db")
    with engine.begin() as connection:
        upgrade(connection)
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        upgrade(connection)
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "9999"
    engine.dispose()
