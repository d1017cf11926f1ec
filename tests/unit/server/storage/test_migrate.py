"""Every start brings the database to the head, from nothing, from where it was, or not at all; on each engine."""

from sqlalchemy import Engine, inspect, text

from server.storage.migrate import HEAD, upgrade
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
