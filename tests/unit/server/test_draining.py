"""Which streams are read on, how far, and what follows."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from server.draining import NO_DRAINS, DrainRules, Drains
from server.errors import UpstreamReset

RULES = DrainRules(("vendor",), max_streams=1, max_s=30.0)


class Source:
    """A stream of three lists of chunks, that may break or fall silent before its end."""

    def __init__(self, provider: str = "vendor", ends: str = "well") -> None:
        self.candidate: Any = SimpleNamespace(deployment=SimpleNamespace(provider=provider))
        self.left = 3
        self.ends = ends

    async def next_chunks(self) -> Any:
        await asyncio.sleep(0)
        if self.left:
            self.left -= 1
            return ["chunk"]
        if self.ends == "broken":
            raise UpstreamReset("It broke.")
        if self.ends == "silent":
            await asyncio.Event().wait()
        return None


class Counter:
    """Counts."""

    def __init__(self, enough: int = 100) -> None:
        self.count = 0
        self.enough = enough

    @property
    def has_usage(self) -> bool:
        return self.count >= self.enough

    def feed(self, chunks: Any) -> None:
        self.count += len(chunks)


@pytest.mark.parametrize(
    ("source", "counter", "count"),
    [
        pytest.param(Source(), Counter(), 3, id="to its end"),
        pytest.param(Source(), Counter(enough=2), 2, id="until the usage is told"),
        pytest.param(Source(ends="broken"), Counter(), 3, id="until it breaks"),
    ],
)
async def test_a_stream_is_read_and_then_ended(source: Source, counter: Counter, count: int) -> None:
    ended = asyncio.Event()

    async def end() -> None:
        ended.set()

    drains = Drains(RULES)
    assert drains.take(source, counter, end)
    async with asyncio.timeout(60):
        await ended.wait()
    assert counter.count == count
    await drains.close()


@pytest.mark.parametrize(
    ("rules", "ends_by"),
    [
        pytest.param(DrainRules(("vendor",), 1, 0.01), "time", id="its time is over"),
        pytest.param(RULES, "close", id="everything stops"),
    ],
)
async def test_a_stream_that_does_not_end_is_ended(rules: DrainRules, ends_by: str) -> None:
    ended = asyncio.Event()

    async def end() -> None:
        ended.set()

    drains, counter = Drains(rules), Counter()
    assert drains.take(Source(ends="silent"), counter, end)
    if ends_by == "close":
        while counter.count < 3:
            await asyncio.sleep(0)
        await drains.close()
    async with asyncio.timeout(60):
        await ended.wait()
    assert counter.count == 3
    await drains.close()
    assert len(drains) == 0


async def test_others_and_those_beyond_the_bound_are_not_taken() -> None:
    async def end() -> None:
        raise AssertionError("it was not taken")

    async def fine() -> None:
        return

    drains = Drains(RULES)
    assert not drains.take(Source("another"), Counter(), end)
    assert not Drains(NO_DRAINS).take(Source(), Counter(), end)
    assert drains.take(Source(ends="silent"), Counter(), fine)
    assert not drains.take(Source(), Counter(), end)
    await drains.close()
