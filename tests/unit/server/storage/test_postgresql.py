"""PostgreSQL as we use it: bounded, in turns where it matters, honest and quick about being away."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from server.errors import StoreUnavailable
from server.storage.backend import StoreBounds
from server.storage.database import Database
from server.storage.postgresql import PostgresqlBackend
from server.storage.tables import METADATA, SEALED_VALUES
from tests.stores.gate import Gate, gate_to
from tests.stores.postgres import PostgresServer

PATIENT = StoreBounds(answer_s=30.0)


async def opened(url: str, bounds: StoreBounds = PATIENT) -> PostgresqlBackend:
    return await PostgresqlBackend.open(make_url(url), bounds)


@pytest.fixture
async def backend(postgres_url: str) -> AsyncIterator[PostgresqlBackend]:
    found = await opened(postgres_url)
    yield found
    await found.close()


@pytest.fixture
async def gate(postgres: PostgresServer) -> AsyncIterator[Gate]:
    async with gate_to(postgres.port) as found:
        yield found


async def test_a_reader_cannot_write(backend: PostgresqlBackend) -> None:
    with pytest.raises(DBAPIError, match="read-only"):
        async with backend.reading() as reader:
            await reader.execute(text("CREATE TABLE t (a INTEGER)"))


async def test_a_reader_sees_one_state(backend: PostgresqlBackend) -> None:
    async with backend.writing() as writer:
        await writer.execute(text("CREATE TABLE t (a INTEGER)"))
    async with backend.reading() as reader:
        assert (await reader.execute(text("SELECT count(*) FROM t"))).scalar() == 0
        async with backend.writing() as writer:
            await writer.execute(text("INSERT INTO t VALUES (1)"))
        assert (await reader.execute(text("SELECT count(*) FROM t"))).scalar() == 0
    async with backend.reading() as reader:
        assert (await reader.execute(text("SELECT count(*) FROM t"))).scalar() == 1


async def test_an_exception_rolls_back_even_the_creation_of_a_table(backend: PostgresqlBackend) -> None:
    async def fail() -> None:
        async with backend.writing() as writer:
            await writer.execute(text("CREATE TABLE t (a INTEGER)"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with backend.reading() as reader:
        assert (await reader.execute(text("SELECT to_regclass('t')"))).scalar() is None


async def test_what_decides_by_what_it_read_takes_turns_in_every_process(postgres_url: str) -> None:
    replicas = [await opened(postgres_url), await opened(postgres_url)]
    async with replicas[0].writing() as writer:
        await writer.execute(text("CREATE TABLE counter (n INTEGER)"))
        await writer.execute(text("INSERT INTO counter VALUES (0)"))

    async def increase(backend: PostgresqlBackend) -> None:
        async with backend.writing() as writer:
            value = (await writer.execute(text("SELECT n FROM counter"))).scalar_one()
            await writer.execute(text("UPDATE counter SET n = :n"), {"n": value + 1})

    await asyncio.gather(*(increase(replicas[number % 2]) for number in range(50)))
    async with replicas[1].reading() as reader:
        assert (await reader.execute(text("SELECT n FROM counter"))).scalar() == 50
    await asyncio.gather(*(backend.close() for backend in replicas))


async def test_what_only_adds_rows_waits_for_no_writer(backend: PostgresqlBackend) -> None:
    async with backend.writing() as writer:
        await writer.execute(text("CREATE TABLE t (a INTEGER)"))
    async with backend.writing(), backend.appending() as appending:
        await appending.execute(text("INSERT INTO t VALUES (1)"))
    async with backend.reading() as reader:
        assert (await reader.execute(text("SELECT a FROM t"))).scalars().all() == [1]


async def test_five_hundred_at_once_share_five_connections(postgres: PostgresServer, postgres_url: str) -> None:
    backend = await opened(postgres_url, StoreBounds(pool_size=5, answer_s=30.0))

    async def ask(number: int) -> int | None:
        async with backend.reading() as reader:
            found: int | None = (await reader.execute(text("SELECT :n + 0"), {"n": number})).scalar()
            return found

    assert await asyncio.gather(*(ask(number) for number in range(500))) == list(range(500))
    with postgres.connect() as connection:
        name = make_url(postgres_url).database
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
        row = connection.execute(query, (name,)).fetchone()
    assert row is not None
    assert row[0] <= 5
    await backend.close()


async def test_one_who_leaves_in_the_middle_takes_no_connection_along(postgres_url: str) -> None:
    backend = await opened(postgres_url, StoreBounds(pool_size=1, answer_s=30.0))
    inside = asyncio.Event()

    async def hang() -> None:
        async with backend.writing() as writer:
            await writer.execute(text("CREATE TABLE t (a INTEGER)"))
            inside.set()
            await writer.execute(text("SELECT pg_sleep(60)"))

    task = asyncio.ensure_future(hang())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with backend.writing() as writer:
        assert (await writer.execute(text("SELECT to_regclass('t')"))).scalar() is None
    await backend.close()


async def test_a_nul_is_found_nowhere_and_breaks_nothing(backend: PostgresqlBackend) -> None:
    async with backend.writing() as writer:
        await writer.run_sync(METADATA.create_all)
        rows = [("a\x00b\\u0000", b"\x00\xff"), ("plain", b"")]
        assert await backend.add_new(writer, SEALED_VALUES, rows) == {"a\ufffdb\\u0000", "plain"}
        assert await backend.add_new(writer, SEALED_VALUES, [("plain", b"again")]) == frozenset()
        found = await writer.execute(SEALED_VALUES.select().order_by(SEALED_VALUES.c.name))
        assert [tuple(row) for row in found] == [("a\ufffdb\\u0000", b"\x00\xff"), ("plain", b"")]
        assert (await writer.execute(SEALED_VALUES.select().where(SEALED_VALUES.c.name == "plain\x00"))).first() is None


async def test_nobody_waits_long_for_a_lock_that_another_program_holds(
    postgres: PostgresServer, backend: PostgresqlBackend, postgres_url: str
) -> None:
    hasty = await opened(postgres_url, StoreBounds(answer_s=2.0))
    async with hasty.reading() as reader:
        assert (await reader.execute(text("SHOW lock_timeout"))).scalar() == "1400ms"
    async with backend.writing() as writer:
        await writer.execute(text("CREATE TABLE t (a INTEGER)"))
    async with backend.writing() as holder:
        await holder.execute(text("LOCK TABLE t"))
        with pytest.raises(DBAPIError, match="lock timeout"):
            async with hasty.reading() as reader:
                await reader.execute(text("SELECT a FROM t"))
        with pytest.raises(DBAPIError, match="lock timeout"):
            async with hasty.writing():
                pass
    async with hasty.writing() as writer:
        await writer.execute(text("INSERT INTO t VALUES (1)"))
    await hasty.close()


async def test_nobody_at_the_address_is_told_without_the_password(gate: Gate) -> None:
    port = gate.port
    await gate.close()
    with pytest.raises(StoreUnavailable, match=f"orders at 127.0.0.1:{port} cannot be reached: .*refused") as raised:
        await opened(f"postgresql://me:sesame@127.0.0.1:{port}/orders")
    assert "sesame" not in str(raised.value)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda url: url + "_not", StoreUnavailable, "does not exist"),
        (lambda url: url + "?colour=red", ValueError, "option that PostgreSQL does not know"),
    ],
    ids=["a database that is not there", "an option that is none"],
)
async def test_what_is_wrong_with_an_url_is_told(
    postgres_url: str, change: object, error: type[Exception], message: str
) -> None:
    assert callable(change)
    with pytest.raises(error, match=message):
        await opened(change(postgres_url))


async def test_a_database_in_another_encoding_is_refused(postgres: PostgresServer) -> None:
    with postgres.connect() as connection:
        connection.execute("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0")
    with pytest.raises(ValueError, match="must be UTF8, and is SQL_ASCII"):
        await opened(postgres.url("ascii"))
    postgres.drop_database("ascii")


async def away_at(gate: Gate, url: str, answer_s: float) -> tuple[PostgresqlBackend, Database]:
    """A backend that reaches its database through the gate."""
    parsed = make_url(url).set(port=gate.port)
    backend = await PostgresqlBackend.open(parsed, StoreBounds(pool_size=3, answer_s=answer_s))
    return backend, Database(backend)


async def refused(database: Database) -> None:
    with pytest.raises(StoreUnavailable):
        await database.check()


async def test_a_frozen_server_is_away_for_everybody_at_once_and_back_when_it_thaws(
    gate: Gate, postgres_url: str
) -> None:
    backend, database = await away_at(gate, postgres_url, answer_s=2.0)
    await database.check()
    gate.freeze()
    before = gate.connection_count
    await asyncio.gather(*(refused(database) for _ in range(100)))
    assert gate.connection_count - before < 20  # not one try after the other
    await refused(database)
    gate.thaw()
    await back(database)
    await backend.close()


async def back(database: Database) -> None:
    """Waits until the database serves again."""
    async with asyncio.timeout(30):
        while True:
            try:
                await database.check()
            except StoreUnavailable:
                await asyncio.sleep(0.01)
            else:
                return


async def test_a_server_that_is_gone_is_away_and_found_again(gate: Gate, postgres_url: str) -> None:
    backend, database = await away_at(gate, postgres_url, answer_s=5.0)
    await database.check()
    await gate.close()
    await refused(database)
    await refused(database)
    await gate.open()
    await back(database)
    await backend.close()


async def test_a_restart_between_two_transactions_is_not_noticed(gate: Gate, postgres_url: str) -> None:
    backend, database = await away_at(gate, postgres_url, answer_s=30.0)

    async def ask() -> None:
        async with backend.reading() as reader:
            await reader.execute(text("SELECT 1"))

    await asyncio.gather(*(ask() for _ in range(3)))
    gate.cut()
    await asyncio.gather(*(database.check() for _ in range(10)))
    await backend.close()


async def test_a_transaction_that_is_cut_off_is_told_as_unavailable(gate: Gate, postgres_url: str) -> None:
    backend, database = await away_at(gate, postgres_url, answer_s=30.0)
    with pytest.raises(StoreUnavailable):
        async with database.write() as tx:
            gate.cut()
            await tx.users.count()
    await database.check()
    await backend.close()


async def test_a_standby_takes_no_changes_for_now(postgres: PostgresServer, postgres_url: str) -> None:
    with postgres.connect() as connection:
        name = make_url(postgres_url).database
        connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    backend = await opened(postgres_url)
    with pytest.raises(StoreUnavailable, match="no changes now"):
        async with backend.writing() as writer:
            await writer.execute(text("CREATE TABLE t (a INTEGER)"))
    async with backend.reading() as reader:
        await reader.execute(text("SELECT 1"))
    await backend.close()


async def test_a_closed_backend_says_so(postgres_url: str) -> None:
    backend = await opened(postgres_url)
    await backend.close()
    await backend.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        async with backend.reading():
            pass
