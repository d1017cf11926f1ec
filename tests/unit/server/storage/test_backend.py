"""The URL picks the backend, and a wrong one says how to write it."""

import sys
from pathlib import Path

import pytest

from server.storage.backend import StoreBounds, open_backend
from server.storage.postgresql import PostgresqlBackend
from server.storage.sqlite import SqliteBackend

BOUNDS = StoreBounds(answer_s=30.0)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        pytest.param("not a url", "malformed", id="no URL at all"),
        pytest.param("postgresql://host:port/db", "malformed", id="a port that is no number"),
        pytest.param(
            "oracle://host/db", "no storage for databases of kind 'oracle'", id="a database that we do not serve"
        ),
        pytest.param("postgresql+asyncpg://host/db", "of kind 'postgresql\\+asyncpg'", id="a driver not ours"),
        pytest.param("postgresql://host", "names no database", id="a server without a database"),
        pytest.param("sqlite://", "must be a file", id="a database in memory"),
        pytest.param("sqlite:///:memory:", "must be a file", id="a database in memory by name"),
    ],
)
async def test_a_wrong_url_is_refused_with_the_right_way_to_write_it(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        await open_backend(url, BOUNDS)


async def test_a_sqlite_url_opens_sqlite(tmp_path: Path) -> None:
    backend = await open_backend(f"sqlite:///{tmp_path}/a.db", BOUNDS)
    assert isinstance(backend, SqliteBackend)
    await backend.close()


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
async def test_a_postgresql_url_opens_postgresql(postgres_url: str, scheme: str) -> None:
    backend = await open_backend(postgres_url.replace("postgresql", scheme, 1), BOUNDS)
    assert isinstance(backend, PostgresqlBackend)
    await backend.close()


async def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "server.storage.postgresql", raising=False)
    with pytest.raises(ValueError, match=r"pip install 'perpetuo\[postgres\]'"):
        await open_backend("postgresql://host/db", BOUNDS)
