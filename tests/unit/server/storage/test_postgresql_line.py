"""Request records go by a line of their own where that goes well, and the ordinary way where not: no more, no less."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager

import msgspec
import pytest
import uvloop
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from server.chat.records import OperationRecord
from server.errors import StoreUnavailable
from server.storage import postgresql_line
from server.storage.backend import StoreBounds
from server.storage.database import Database
from server.storage.migrate import upgrade
from server.storage.postgresql import PostgresqlBackend
from server.storage.tables import METADATA
from tests.stores.gate import Gate, gate_to
from tests.stores.postgres import PostgresServer
from tests.unit.server.storage.random_records import records

LEDGER = [table for table in METADATA.sorted_tables if table.name in {"operations", "attempts"}] + [
    table for table in METADATA.sorted_tables if table.name.startswith(("usage_", "call_", "latency_"))
]


class Watched(PostgresqlBackend):
    """Counts what went the ordinary way."""

    ordinary_count = 0

    def appending(self) -> AbstractAsyncContextManager[AsyncConnection]:
        self.ordinary_count += 1
        return super().appending()


class Place:
    """A database, its backend, and the gate between."""

    def __init__(self, backend: Watched, gate: Gate) -> None:
        self.backend = backend
        self.database = Database(backend)
        self.gate = gate

    async def append(self, operations: Sequence[OperationRecord]) -> int:
        """Writes them; how often the ordinary way was taken for that."""
        before = self.backend.ordinary_count
        await self.database.append_operations(operations, "prices/1")
        return self.backend.ordinary_count - before

    async def contents(self) -> dict[str, list[tuple[object, ...]]]:
        async with self.backend.reading() as reader:
            return {
                table.name: [
                    tuple(row)
                    for row in await reader.execute(text(f"SELECT * FROM {table.name} ORDER BY {_key(table.name)}"))
                ]
                for table in LEDGER
            }


def _key(name: str) -> str:
    return ", ".join(column.name for column in METADATA.tables[name].primary_key.columns)


async def place_of(url: str, gate: Gate, bounds: StoreBounds) -> Place:
    backend = await Watched.open(make_url(url).set(port=gate.port), bounds)
    async with backend.migrating() as connection:
        await connection.run_sync(upgrade)
    return Place(backend, gate)


@pytest.fixture
async def gate(postgres: PostgresServer) -> AsyncIterator[Gate]:
    async with gate_to(postgres.port) as found:
        yield found


@pytest.fixture
async def place(postgres_url: str, gate: Gate) -> AsyncIterator[Place]:
    found = await place_of(postgres_url, gate, StoreBounds(answer_s=30.0))
    yield found
    await found.database.close()


async def test_new_records_need_no_other_way_and_come_to_the_same(
    place: Place, postgres: PostgresServer, gate: Gate
) -> None:
    made = records(7, 400)
    for start in range(0, 400, 130):
        assert await place.append(made[start : start + 130]) == 0
    name = postgres.new_database()
    other = await place_of(postgres.url(name), gate, StoreBounds(answer_s=30.0))
    async with other.database.append() as tx:
        await tx.operations.add_many(made, "prices/1")
    assert await place.contents() == await other.contents()
    await other.database.close()
    postgres.drop_database(name)


async def test_records_that_are_there_in_part_are_added_in_part(place: Place) -> None:
    made = records(3, 60)
    assert await place.append(made[:30]) == 0
    before = await place.contents()
    assert await place.append(made[:30]) == 1
    assert await place.contents() == before
    assert await place.append(made[20:]) == 1
    assert len((await place.contents())["operations"]) == 60
    assert await place.append(records(4, 5)) == 0


async def test_one_connection_leaves_none_for_a_line(postgres_url: str, gate: Gate) -> None:
    place = await place_of(postgres_url, gate, StoreBounds(pool_size=1, answer_s=30.0))
    assert await place.append(records(5, 3)) == 1
    await place.database.close()


async def test_a_script_larger_than_the_buffers_between_goes_through(place: Place) -> None:
    made = [
        msgspec.structs.replace(record, model_requested=f"{number}" + "☃'\\" * 20_000)
        for number, record in enumerate(records(6, 60))
    ]
    assert await place.append(made) == 0
    assert [row[6] for row in (await place.contents())["operations"]] == [each.model_requested for each in made]


async def test_a_line_that_was_cut_is_made_anew(place: Place) -> None:
    assert await place.append(records(1, 5)) == 0
    place.gate.cut()
    assert await place.append(records(2, 5)) == 1
    assert await place.append(records(3, 5)) == 0
    assert len((await place.contents())["operations"]) == 15


async def test_two_at_once_do_not_meet_in_the_line(place: Place) -> None:
    await asyncio.gather(*(place.append(records(number, 20)) for number in range(4)))
    assert place.backend.ordinary_count == 3
    assert len((await place.contents())["operations"]) == 80


async def test_who_leaves_in_the_middle_leaves_nothing_half_done(place: Place, postgres: PostgresServer) -> None:
    name = make_url(str(place.backend._engine.url)).database
    assert name is not None
    with postgres.connect(name) as other, other.transaction():
        other.execute("LOCK TABLE operations")
        task = asyncio.ensure_future(place.append(records(1, 5)))
        while other.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() == (0,):
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await place.append(records(1, 5))
    assert await place.append(records(2, 5)) == 0
    assert len((await place.contents())["operations"]) == 10


async def test_a_script_that_takes_too_long_is_given_up_and_repeated(
    place: Place, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql_line, "_LONGEST_S", 0.1)
    name = make_url(str(place.backend._engine.url)).database
    assert name is not None
    with postgres.connect(name) as other:
        with other.transaction():
            other.execute("LOCK TABLE operations")
            task = asyncio.ensure_future(place.append(records(1, 5)))
            while not place.backend.ordinary_count:
                await asyncio.sleep(0.005)
        assert await task == 1
    assert len((await place.contents())["operations"]) == 5


async def test_a_server_that_freezes_or_goes_is_told_as_away(postgres_url: str, gate: Gate) -> None:
    place = await place_of(postgres_url, gate, StoreBounds(answer_s=2.0))
    assert await place.append(records(1, 5)) == 0
    gate.freeze()
    with pytest.raises(StoreUnavailable):
        await place.append(records(2, 5))
    gate.thaw()
    async with asyncio.timeout(30):
        while True:
            try:
                await place.append(records(2, 5))
            except StoreUnavailable:
                await asyncio.sleep(0.01)
            else:
                break
    assert len((await place.contents())["operations"]) == 10
    await place.database.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await place.append(records(3, 5))


def test_a_line_that_was_cut_is_made_anew_on_the_loop_that_gateways_run_on(
    postgres: PostgresServer, postgres_url: str
) -> None:
    async def cut_and_go_on() -> list[int]:
        async with gate_to(postgres.port) as gate:
            place = await place_of(postgres_url, gate, StoreBounds(answer_s=30.0))
            ways = [await place.append(records(1, 5))]
            for seed in (2, 3, 4):
                gate.cut()
                ways += [await place.append(records(seed, 5)), await place.append(records(seed + 10, 5))]
            assert len((await place.contents())["operations"]) == 35
            await place.database.close()
            return ways

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(cut_and_go_on()) == [0, 1, 0, 1, 0, 1, 0]
