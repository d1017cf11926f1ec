"""A server is away when a probe says so too, and not because something takes long."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from server.errors import StoreUnavailable
from server.storage.presence import Answer, Presence


class Server:
    """What a probe finds, in order; the last answer stays. None never answers."""

    def __init__(self, *answers: Answer | None) -> None:
        self.answers = list(answers)
        self.probes = 0
        self.lost = 0

    async def probe(self) -> Answer:
        self.probes += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            await asyncio.Event().wait()
        assert answer is not None
        return answer

    def lose(self) -> None:
        self.lost += 1


@pytest.fixture
async def started() -> AsyncIterator[list[Presence]]:
    """Put every presence in here; it is closed at the end."""
    found: list[Presence] = []
    yield found
    for presence in found:
        await presence.close()


async def until(is_so: object) -> None:
    assert callable(is_so)
    async with asyncio.timeout(60):
        while not is_so():
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("answer", [Answer.SILENT, None], ids=["a probe that fails", "a probe without any answer"])
async def test_a_silent_server_is_away_and_what_is_under_way_is_severed(
    started: list[Presence], answer: Answer | None
) -> None:
    server = Server(answer)
    presence = Presence(server.probe, server.lose, 0.02)
    started.append(presence)
    severed: list[str] = []
    for name in ("first", "second"):
        presence.watch(None).sever = lambda name=name: severed.append(name)
    presence.watch(None)
    await until(lambda: presence.is_away)
    assert sorted(severed) == ["first", "second"]
    assert server.lost == 1
    with pytest.raises(StoreUnavailable) as raised:
        presence.refuse_when_away()
    assert raised.value.retry_after_s == 1.0
    server.answers = [Answer.SERVES]
    await until(lambda: not presence.is_away)
    presence.refuse_when_away()


@pytest.mark.parametrize("answer", [Answer.SERVES, Answer.REFUSES])
async def test_a_server_that_is_slow_or_full_is_not_away(started: list[Presence], answer: Answer) -> None:
    server = Server(answer)
    presence = Presence(server.probe, server.lose, 0.02)
    started.append(presence)
    watch = presence.watch(None)
    await until(lambda: server.probes >= 3)
    watch.stop()
    assert not presence.is_away
    assert server.lost == 0


async def test_what_takes_longer_than_it_may_is_severed_on_a_server_that_answers(started: list[Presence]) -> None:
    server = Server(Answer.SERVES)
    presence = Presence(server.probe, server.lose, 0.01)
    started.append(presence)
    severed = asyncio.Event()
    watch = presence.watch(0.02)
    watch.sever = severed.set
    async with asyncio.timeout(60):
        await severed.wait()
    watch.stop()
    assert not presence.is_away


async def test_a_server_that_only_refuses_is_not_back(started: list[Presence]) -> None:
    server = Server(Answer.REFUSES)
    presence = Presence(server.probe, server.lose, 0.02)
    started.append(presence)
    presence.lose()
    presence.lose()
    await until(lambda: server.probes >= 2)
    assert presence.is_away
    assert server.lost == 1
    server.answers = [Answer.SERVES]
    await until(lambda: not presence.is_away)


async def test_what_ends_in_time_raises_no_suspicion(started: list[Presence]) -> None:
    server = Server(Answer.SILENT)
    presence = Presence(server.probe, server.lose, 30.0)
    started.append(presence)
    presence.watch(None).stop()
    assert server.probes == 0
