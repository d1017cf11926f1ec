"""Streams that are cut at a random byte: none of them may look whole to the caller.

`--cuts N` is how many are tried; they are the same ones in every run. A stream is cut by an orderly close, by a reset,
by an end that HTTP takes for complete, or within the framing of HTTP, and asked for through either face.
"""

import asyncio
import random
from dataclasses import dataclass

import pytest

from cli.mock.answers import Asked
from cli.mock.contents import events_of
from cli.mock.framing import framed
from cli.mock.scenario import parse_scenario
from cli.mock.wires.openai import OpenAiWire
from tests.faults.asking import Seen
from tests.faults.lab import Lab

SEED = 20_260_701
# Few enough that nothing learns from them to leave a target alone.
CUTS_OF_A_ROOM = 3
AT_A_TIME = 8
WAYS = ("cut-at", "reset-at", "end-at", "cut-wire")
TEXT = "".join(f"token{index} " for index in range(12))


@dataclass(frozen=True, slots=True)
class Cut:
    """One stream: how it is cut, after which byte, and through which face it is asked for."""

    way: str
    byte: int
    is_grpc: bool

    @property
    def scenario(self) -> str:
        """The same for the mock."""
        return f"long?n=12+{self.way}?byte={self.byte}"


def events_as_sent() -> list[bytes]:
    """The stream that is cut, event by event; each is a chunk of HTTP."""
    scenario = parse_scenario("long?n=12")
    asked = Asked(model="lab-model", stream=True, stream_options={"include_usage": True})
    return framed(events_of(asked, scenario, OpenAiWire()), scenario)


EVENTS = events_as_sent()
LENGTH = sum(map(len, EVENTS))
# The bytes of the stream that hold the whole line of the finish reason.
FINISHED_AT = sum(map(len, EVENTS[: next(n for n, event in enumerate(EVENTS) if b'"stop"' in event) + 1])) - 1


def delivered_bytes(cut: Cut) -> int:
    """How much of the body was sent."""
    if cut.way != "cut-wire":
        return cut.byte
    left, sent = cut.byte, 0
    for event in EVENTS:
        left -= len(b"%x\r\n" % len(event))
        sent += min(max(left, 0), len(event))
        left -= len(event) + 2
    return sent


def random_cuts(count: int) -> list[Cut]:
    """The cuts of this run."""
    chance = random.Random(SEED)
    return [Cut(chance.choice(WAYS), chance.randrange(LENGTH), chance.random() < 0.25) for _ in range(count)]


def check(cut: Cut, seen: Seen) -> None:
    """What the caller saw is whole only if the finish reason was sent, and tells what went wrong if not."""
    is_whole = seen.is_complete or bool(seen.finish_reasons)
    assert not is_whole or delivered_bytes(cut) >= FINISHED_AT, f"{cut} looks whole"
    assert seen.is_complete != bool(seen.reason), f"{cut} neither ends nor fails"
    assert TEXT.startswith(seen.text), f"{cut} is not what was sent"
    assert not seen.is_complete or seen.text == TEXT, f"{cut} ends before its end"


async def try_some(lab: Lab, cuts: list[Cut]) -> int:
    """Tries a room's worth; how many looked whole, rightly."""
    whole = 0
    async with lab.room("ok") as room:
        mock = room.targets[0].mock
        assert mock is not None
        for number, cut in enumerate(cuts):
            mock.play(cut.scenario)
            before = len(mock.requests)
            seen = await room.ask(is_stream=True, is_grpc=cut.is_grpc, prompt=f"Cut {number}.")
            assert len(mock.requests) > before, f"{cut} was not tried"
            check(cut, seen)
            whole += seen.is_complete
    return whole


@pytest.mark.timeout(3600)
async def test_no_stream_that_was_cut_looks_whole(patient: Lab, pytestconfig: pytest.Config) -> None:
    cuts = random_cuts(int(pytestconfig.getoption("--cuts")))
    rooms = [cuts[start : start + CUTS_OF_A_ROOM] for start in range(0, len(cuts), CUTS_OF_A_ROOM)]
    whole = 0
    for start in range(0, len(rooms), AT_A_TIME):
        whole += sum(await asyncio.gather(*(try_some(patient, room) for room in rooms[start : start + AT_A_TIME])))
    print(f"{len(cuts)} streams cut, {whole} of them after the finish reason, 0 wrongly presented as whole")


def test_the_cuts_fall_before_and_after_the_finish_reason() -> None:
    sent = {delivered_bytes(cut) for cut in random_cuts(2000)}
    assert any(count < FINISHED_AT for count in sent)
    assert any(count > FINISHED_AT for count in sent)
    assert delivered_bytes(Cut("cut-wire", 10**6, False)) == LENGTH
    assert delivered_bytes(Cut("cut-wire", 3, False)) == 0
    assert {cut.way for cut in random_cuts(200)} == set(WAYS)
