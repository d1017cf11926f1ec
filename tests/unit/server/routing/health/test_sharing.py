"""Replicas tell each other who rests: in memory, and over a real Valkey."""

import asyncio
from collections.abc import Callable

import pytest

from server.chat.deployment import Candidate
from server.chat.shared import Heard
from server.routing.failure import FailureClass
from server.routing.health import Health, SharedRests
from server.routing.health.rest import LONG_S
from server.state.valkey_notes import ValkeyNotices
from tests.unit.server.routing.worlds import entry
from tests.unit.server.state.valkeys import opened, running_valkey

ONE = Candidate(entry("o", "openai"), "one")


class Wire:
    """Notices between two, over nothing."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.heard: list[Heard] = []

    def tell(self, topic: str, text: str) -> None:
        assert topic == "rest"
        self.sent.append(text)
        for heard in self.heard:
            heard(text)

    def hear(self, topic: str, heard: Heard) -> None:
        self.heard.append(heard)

    def when_missed(self, callback: Callable[[], None]) -> None:
        raise AssertionError("what is missed costs one refusal")


def pair(wire: Wire, shift_s: float = 1000.0) -> tuple[Health, Health]:
    """Two replicas whose clocks tell different times; only the second listens."""
    mine = Health(SharedRests(wire, lambda: 0.0).tell)
    theirs = Health()
    SharedRests(wire, lambda: shift_s).listen(theirs)
    return mine, theirs


def refused(health: Health, kind: FailureClass, told_s: float | None = None, now_s: float = 0.0) -> None:
    visit = health.enter(ONE, now_s, is_last=True)
    assert visit is not None
    visit.failed(kind, told_s, now_s)


@pytest.mark.parametrize(
    ("kind", "told_s", "rests_s"),
    [(FailureClass.QUOTA, None, LONG_S), (FailureClass.LIMITED, 20.0, 20.0), (FailureClass.NO_MODEL, None, LONG_S)],
)
def test_what_one_is_told_holds_for_the_other_from_then_on(
    kind: FailureClass, told_s: float | None, rests_s: float
) -> None:
    mine, theirs = pair(Wire())
    refused(mine, kind, told_s)
    resting = theirs.resting(ONE, 1000.0)
    assert resting is not None
    assert (resting.rests_s, resting.cause) == (rests_s, kind.value)


def test_that_a_credential_works_again_is_told_too() -> None:
    mine, theirs = pair(Wire())
    refused(mine, FailureClass.CREDENTIAL)
    visit = mine.enter(ONE, 100.0, is_last=True)
    assert visit is not None
    visit.answered(100.0)
    assert theirs.resting(ONE, 1000.0) is None


def test_failures_of_the_way_are_told_to_nobody() -> None:
    wire = Wire()
    mine, _ = pair(wire)
    for _ in range(5):
        refused(mine, FailureClass.REFUSED)
    assert mine.resting(ONE, 0.0) is not None
    assert wire.sent == []


@pytest.mark.parametrize("text", ["", "{}", "[1]", '["o","one","NEVER_HEARD_OF",3]', '["o","one","QUOTA","x"]'])
def test_what_cannot_be_understood_is_left_out(text: str) -> None:
    wire = Wire()
    _, theirs = pair(wire)
    wire.tell("rest", text)
    assert theirs.resting(ONE, 1000.0) is None


def test_nobody_can_be_sent_to_rest_for_ever() -> None:
    wire = Wire()
    _, theirs = pair(wire)
    wire.tell("rest", '["o","","QUOTA",1e18]')
    resting = theirs.resting(ONE, 1000.0)
    assert resting is not None
    assert resting.rests_s == LONG_S


async def rests(health: Health, now_s: Callable[[], float]) -> None:
    async with asyncio.timeout(60):
        while health.resting(ONE, now_s()) is None:
            await asyncio.sleep(0.01)


async def test_two_replicas_over_valkey() -> None:
    now_s = asyncio.get_running_loop().time
    with running_valkey() as server:
        async with opened(server, prefix="r:") as one, opened(server, prefix="r:") as other:
            mine, theirs = ValkeyNotices(one), ValkeyNotices(other)
            health = Health()
            SharedRests(theirs, now_s).listen(health)
            theirs.open()
            await theirs.is_listening.wait()
            refused(Health(SharedRests(mine, now_s).tell), FailureClass.QUOTA, now_s=now_s())
            await rests(health, now_s)
            await theirs.close()
