"""The URL picks the backend, and a wrong one says how to write it."""

from pathlib import Path

import pytest
from sqlalchemy import Column, Integer, MetaData, Table

from server.storage.backend import Addition, open_backend
from server.storage.sqlite import SqliteBackend


@pytest.mark.parametrize(
    ("url", "message"),
    [
        pytest.param("not a url", "malformed", id="no URL at all"),
        pytest.param(
            "oracle://host/db", "no storage for databases of kind 'oracle'", id="a database that we do not serve"
        ),
        pytest.param("sqlite://", "must be a file", id="a database in memory"),
        pytest.param("sqlite:///:memory:", "must be a file", id="a database in memory by name"),
    ],
)
async def test_a_wrong_url_is_refused_with_the_right_way_to_write_it(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        await open_backend(url, {})


async def test_a_sqlite_url_opens_sqlite(tmp_path: Path) -> None:
    backend = await open_backend(f"sqlite:///{tmp_path}/a.db", {})
    assert isinstance(backend, SqliteBackend)
    await backend.close()


TABLE = Table("t", MetaData(), Column("a", Integer), Column("b", Integer), Column("n", Integer))


def test_rows_that_are_there_are_left_alone_or_added_to() -> None:
    insert = "INSERT INTO t (a, b, n) VALUES (%s, %s, %s) ON CONFLICT (a, b) DO "
    assert Addition(TABLE, ("a", "b"), []).sql("%s") == f"{insert}NOTHING"
    assert Addition(TABLE, ("a", "b"), [], sums_up=True).sql("%s") == f"{insert}UPDATE SET n = t.n + excluded.n"
