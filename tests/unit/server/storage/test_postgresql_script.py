"""Scripts say in PostgreSQL exactly what the rows say, whatever stands in them."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import pq
from sqlalchemy import BigInteger, Boolean, Column, Float, MetaData, String, Table, Text
from sqlalchemy.dialects import postgresql

from server.storage.backend import Addition
from server.storage.postgresql_script import Scripts
from tests.stores.postgres import PostgresServer

ROWS = Table(
    "kept",
    MetaData(),
    Column("id", String(8), primary_key=True),
    Column("text", Text),
    Column("number", BigInteger),
    Column("flag", Boolean),
    Column("share", Float),
)


@pytest.fixture
def connection(postgres: PostgresServer) -> Iterator[psycopg.Connection]:
    name = postgres.new_database()
    with postgres.connect(name) as found:
        found.execute(
            "CREATE TABLE kept (id VARCHAR(8) PRIMARY KEY, text TEXT, number BIGINT, flag BOOLEAN, share FLOAT)"
        )
        yield found
    postgres.drop_database(name)


def quote(connection: psycopg.Connection) -> Any:
    return pq.Escaping(connection.pgconn).escape_literal


def scripts() -> Scripts:
    dialect: Any = postgresql
    return Scripts(dialect.dialect())


def kept(connection: psycopg.Connection) -> list[tuple[Any, ...]]:
    return connection.execute("SELECT * FROM kept ORDER BY id").fetchall()


TEXTS = (
    "",
    "plain",
    "it's 'quoted' \"twice\"",
    "a\\b\\\\c\\u0000d\\n",
    "'; DROP TABLE kept; --",
    "line\nbreak\ttab\r",
    "ünï ☃ 🦊 \u2028",
    "$$ $1 %s {} :name",
    "NULL",
    "\x7f\x01",
)


@pytest.mark.parametrize("mode", ["on", "off"])
@pytest.mark.parametrize("text", TEXTS)
def test_a_text_arrives_as_it_is(connection: psycopg.Connection, text: str, mode: str) -> None:
    connection.execute(f"SET standard_conforming_strings = {mode}")
    rows = [("a", text, 1, 1, 0.5), ("b", text, 1, 1, 0.5), ("c", text + "x", 1, 1, 0.5)]
    for some in (rows[:1], rows[1:2], rows[2:]):
        connection.execute(scripts().insert(ROWS, some, quote(connection)))
    assert kept(connection) == [("a", text, 1, True, 0.5), ("b", text, 1, True, 0.5), ("c", text + "x", 1, True, 0.5)]
    connection.execute("DELETE FROM kept")
    connection.execute(scripts().insert(ROWS, rows, quote(connection)))
    assert [row[1] for row in kept(connection)] == [text, text, text + "x"]


def test_what_rows_differ_in_and_what_they_agree_in(connection: psycopg.Connection) -> None:
    rows = [
        ("a", None, -5, 1, 0.1),
        ("b", "x", 2**62, 0, 0.1),
        ("c", None, None, None, 0.1),
    ]
    connection.execute(scripts().insert(ROWS, rows, quote(connection)))
    assert kept(connection) == [
        ("a", None, -5, True, 0.1),
        ("b", "x", 2**62, False, 0.1),
        ("c", None, None, None, 0.1),
    ]
    connection.execute(scripts().insert(ROWS, [("d", None, -7, None, None)], quote(connection)))
    assert kept(connection)[-1] == ("d", None, -7, None, None)


def test_a_nul_becomes_the_replacement_character_and_nothing_else_does(connection: psycopg.Connection) -> None:
    texts = ["a\x00b", "\\\x00", "\\u0000", "\\\\\x00\\", "\\\\u0000", "\x00"]
    rows = [(str(place), text, 1, 1, 1.0) for place, text in enumerate(texts)]
    connection.execute(scripts().insert(ROWS, rows, quote(connection)))
    assert [row[1] for row in kept(connection)] == [text.replace("\x00", "\ufffd") for text in texts]
    connection.execute(scripts().insert(ROWS, [("z", "\x00\\", 1, 1, 1.0)], quote(connection)))
    assert kept(connection)[-1][1] == "\ufffd\\"


@pytest.mark.parametrize("count", [1, 2], ids=["alone", "beside another"])
def test_a_text_that_is_too_long_is_refused_and_not_cut(connection: psycopg.Connection, count: int) -> None:
    rows = [("123456789", "x", 1, 1, 1.0), ("b", "x", 1, 1, 1.0)][:count]
    with pytest.raises(psycopg.errors.StringDataRightTruncation):
        connection.execute(scripts().insert(ROWS, rows, quote(connection)))


def test_a_row_that_is_there_fails_its_statement_or_is_summed_up_or_left_alone(connection: psycopg.Connection) -> None:
    made, quoted = scripts(), quote(connection)
    connection.execute("CREATE TABLE sums (id VARCHAR(8) PRIMARY KEY, number BIGINT)")
    sums = Table("sums", MetaData(), Column("id", String(8)), Column("number", BigInteger))
    row = ("a", "x", 1, 1, 1.0)
    connection.execute(made.insert(ROWS, [row], quoted))
    with pytest.raises(psycopg.errors.UniqueViolation):
        connection.execute(made.insert(ROWS, [("b", "x", 1, 1, 1.0), row], quoted))
    alone = Addition(ROWS, ("id",), [("a", "y", 9, 0, 2.0)])
    for rows in ([("a", 4)], [("a", 5), ("b", 6)]):
        summed = Addition(sums, ("id",), rows, sums_up=True)
        for statement in made.add([summed, Addition(sums, ("id",), []), alone], quoted):
            connection.execute(statement)
    assert kept(connection) == [("a", "x", 1, True, 1.0)]
    assert connection.execute("SELECT * FROM sums ORDER BY id").fetchall() == [("a", 9), ("b", 6)]
