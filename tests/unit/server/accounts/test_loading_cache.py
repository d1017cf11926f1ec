"""The cache loads once, forgets at once, and bridges a database that is away."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from server.accounts.loading_cache import UNSHARED_S, Bounds, LoadingCache
from server.errors import StoreUnavailable
from tests.unit.server.accounts.clock import Clock


class Source:
    """Values that can be changed, taken away, and held back."""

    def __init__(self) -> None:
        self.values: dict[str, int] = {"a": 1}
        self.loads = 0
        self.is_away = False
        self.gate: asyncio.Event | None = None

    async def load(self, key: str) -> int | None:
        self.loads += 1
        value = self.values.get(key)
        if self.gate is not None:
            await self.gate.wait()
        if self.is_away:
            raise StoreUnavailable("away")
        return value


BOUNDS = Bounds(fresh_s=30, stale_s=600, absent_s=5, max_entries=3, max_absent=2)


def _cache(load: Callable[[str], Awaitable[int | None]]) -> tuple[LoadingCache[str, int], Clock]:
    clock = Clock()
    return LoadingCache(load, BOUNDS, clock), clock


async def _settled(cache: LoadingCache[str, int]) -> None:
    while cache._loading:
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("key", "after_s", "loads"),
    [
        pytest.param("a", 17.9, 1, id="a fresh value is not loaded again"),
        pytest.param("a", 30.0, 2, id="an old value is"),
        pytest.param("b", 4.9, 1, id="an absence is remembered"),
        pytest.param("b", 5.0, 2, id="but not for long"),
    ],
)
async def test_how_long_an_answer_is_good(key: str, after_s: float, loads: int) -> None:
    source = Source()
    cache, clock = _cache(source.load)
    await cache.get(key)
    clock.now_s += after_s
    assert await cache.get(key) == source.values.get(key)
    assert source.loads == loads


async def test_fresh_answers_without_a_wait_or_not_at_all() -> None:
    source = Source()
    cache, clock = _cache(source.load)
    assert cache.fresh("a") is None
    await cache.get("a")
    assert cache.fresh("a") == 1
    clock.now_s += 30
    assert cache.fresh("a") is None


async def test_what_is_asked_for_is_loaded_anew_before_it_is_too_old_and_nobody_waits_for_it() -> None:
    source = Source()
    cache, clock = _cache(source.load)
    await cache.get("a")
    clock.now_s += 20
    source.values["a"], source.gate = 2, asyncio.Event()
    assert [cache.fresh("a") for _ in range(3)] == [1, 1, 1]
    await asyncio.sleep(0)
    source.gate.set()
    await _settled(cache)
    clock.now_s += 15
    assert (cache.fresh("a"), source.loads) == (2, 2)


async def test_a_renewal_that_fails_is_tried_again_a_second_later_and_makes_nothing_older_than_it_may_be() -> None:
    source = Source()
    cache, clock = _cache(source.load)
    await cache.get("a")
    source.is_away = True
    clock.now_s += 29
    for _ in range(3):
        assert cache.fresh("a") == 1
        await _settled(cache)
    assert source.loads == 2
    clock.now_s += 1
    assert cache.fresh("a") is None


async def test_a_hundred_that_ask_at_once_cause_one_load() -> None:
    source = Source()
    source.gate = asyncio.Event()
    cache, _ = _cache(source.load)
    asking = [asyncio.ensure_future(cache.get("a")) for _ in range(100)]
    await asyncio.sleep(0)
    source.gate.set()
    assert await asyncio.gather(*asking) == [1] * 100
    assert source.loads == 1


async def test_a_first_that_is_cancelled_leaves_the_load_to_the_others() -> None:
    source = Source()
    source.gate = asyncio.Event()
    cache, _ = _cache(source.load)
    first, second = (asyncio.ensure_future(cache.get("a")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    source.gate.set()
    assert await second == 1
    assert first.cancelled()
    assert source.loads == 1


@pytest.mark.parametrize("is_by_key", [True, False])
async def test_what_is_discarded_during_its_load_is_not_kept(*, is_by_key: bool) -> None:
    source = Source()
    source.gate = asyncio.Event()
    cache, _ = _cache(source.load)
    loading = asyncio.ensure_future(cache.get("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    source.values["a"] = 2
    if is_by_key:
        cache.discard("a")
    else:
        cache.discard_where(lambda value: True)
    source.gate.set()
    assert await loading == 1
    assert await cache.get("a") == 2


async def test_discarding_by_value_leaves_the_others() -> None:
    source = Source()
    source.values["b"] = 2
    cache, _ = _cache(source.load)
    await cache.get("a")
    await cache.get("b")
    cache.discard_where(lambda value: value == 2)
    assert (cache.fresh("a"), cache.fresh("b")) == (1, None)


@pytest.mark.parametrize(
    ("after_s", "is_served"),
    [
        pytest.param(31.0, True, id="soon after it went away"),
        pytest.param(629.0, True, id="ten minutes later"),
        pytest.param(630.0, False, id="but not for ever"),
    ],
)
async def test_old_values_are_served_while_the_database_is_away(after_s: float, *, is_served: bool) -> None:
    source = Source()
    cache, clock = _cache(source.load)
    await cache.get("a")
    source.is_away = True
    clock.now_s += after_s
    if is_served:
        assert await cache.get("a") == 1
        assert cache.fresh("a") == 1
        assert source.loads == 2
    else:
        with pytest.raises(StoreUnavailable):
            await cache.get("a")


async def test_what_was_never_seen_is_not_served_while_the_database_is_away() -> None:
    source = Source()
    source.is_away = True
    cache, _ = _cache(source.load)
    with pytest.raises(StoreUnavailable):
        await cache.get("a")
    source.is_away = False
    assert await cache.get("a") == 1


async def test_a_discarded_value_is_not_served_while_the_database_is_away() -> None:
    source = Source()
    cache, _ = _cache(source.load)
    await cache.get("a")
    source.is_away = True
    cache.discard("a")
    with pytest.raises(StoreUnavailable):
        await cache.get("a")


async def test_the_oldest_go_when_there_are_too_many() -> None:
    source = Source()
    source.values = {name: ord(name) for name in "abcd"}
    cache, _ = _cache(source.load)
    for name in "abcd":
        await cache.get(name)
    assert len(cache) == 3
    assert cache.fresh("a") is None
    assert cache.fresh("d") == ord("d")
    for name in "xyz":
        await cache.get(name)
    loads = source.loads
    await cache.get("z")
    assert source.loads == loads
    await cache.get("x")
    assert source.loads == loads + 1


@pytest.mark.parametrize(
    ("shared", "unshared"),
    [
        pytest.param(Bounds(30, 600, 5), Bounds(UNSHARED_S, 630 - UNSHARED_S, 5), id="fresh for longer, good as long"),
        pytest.param(Bounds(30), Bounds(UNSHARED_S), id="never stale stays so"),
        pytest.param(Bounds(900, 100), Bounds(900, 100), id="what is fresh for longer already"),
    ],
)
def test_what_nobody_else_changes_is_fresh_for_longer(shared: Bounds, unshared: Bounds) -> None:
    assert shared.unshared() == unshared


async def test_whoever_wants_to_know_hears_of_all_that_is_kept_and_forgotten() -> None:
    source, heard = Source(), list[str]()
    cache, _ = _cache(source.load)
    cache.on_change(lambda: heard.append("one"))
    cache.on_change(lambda: heard.append("other"))
    steps: list[tuple[Callable[[], object], int]] = [
        (lambda: cache.get("a"), 1),
        (lambda: cache.get("a"), 0),
        (lambda: cache.get("absent"), 1),
        (lambda: cache.fresh("a"), 0),
        (lambda: cache.discard("a"), 1),
        (lambda: cache.discard_where(bool), 1),
    ]
    for step, changes in steps:
        made = step()
        if isinstance(made, Awaitable):
            await made
        assert heard == ["one", "other"] * changes
        heard.clear()
