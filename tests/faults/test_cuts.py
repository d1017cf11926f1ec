"""Streams that are cut at a random byte: none of them may look whole to the caller.

`--cuts N` is how many are tried; they are the same ones in every run. A stream is one of three dialects, is cut by an
orderly close, by a reset, by an end that HTTP takes for complete, or within the framing of HTTP, and is asked for
through REST, through Anthropic's face, or by gRPC.
"""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import pytest

from cli.mock.answers import Asked, Wire
from cli.mock.contents import events_of
from cli.mock.framing import framed
from cli.mock.scenario import parse_scenario
from cli.mock.wires.choice import ANTHROPIC, GOOGLE, OPENAI
from tests.faults.asking import Seen
from tests.faults.lab import PATHS, Lab

SEED = 20_260_701
# Few enough that nothing learns from them to leave a target alone.
CUTS_OF_A_ROOM = 3
AT_A_TIME = 8
WAYS = ("cut-at", "reset-at", "end-at", "cut-wire")
FACES = ("rest", "rest", "messages", "grpc")
TEXT = "".join(f"token{index} " for index in range(12))


@dataclass(frozen=True, slots=True)
class Sent:
    """The stream that is cut, event by event, each a chunk of HTTP; whole by the event that holds the mark."""

    events: tuple[bytes, ...]
    mark: bytes

    @property
    def length(self) -> int:
        """Bytes of the body."""
        return sum(map(len, self.events))

    @property
    def finished_at(self) -> int:
        """The bytes that hold the whole line by which the stream is whole."""
        last = next(number for number, event in enumerate(self.events) if self.mark in event)
        return sum(map(len, self.events[: last + 1])) - 1


def as_sent(wire: Wire, mark: bytes) -> Sent:
    """What the mock sends in a dialect."""
    scenario = parse_scenario("long?n=12")
    asked = Asked(model="lab-model", stream=True, stream_options={"include_usage": True})
    return Sent(tuple(framed(events_of(asked, scenario, wire), scenario)), mark)


STREAMS: Final[Mapping[str, Sent]] = {
    "openai-compatible": as_sent(OPENAI, b'"stop"'),
    "anthropic": as_sent(ANTHROPIC, b"message_stop"),
    "google": as_sent(GOOGLE, b'"finishReason"'),
}


@dataclass(frozen=True, slots=True)
class Cut:
    """One stream: whose dialect it is, how it is cut and after which byte, and through which face it is asked for."""

    provider: str
    way: str
    byte: int
    face: str

    @property
    def scenario(self) -> str:
        """The same for the mock."""
        return f"long?n=12+{self.way}?byte={self.byte}"

    @property
    def delivered_bytes(self) -> int:
        """How much of the body was sent."""
        if self.way != "cut-wire":
            return self.byte
        left, sent = self.byte, 0
        for event in STREAMS[self.provider].events:
            left -= len(b"%x\r\n" % len(event))
            sent += min(max(left, 0), len(event))
            left -= len(event) + 2
        return sent

    @property
    def is_after_the_end(self) -> bool:
        """Whether the stream was whole before it was cut."""
        return self.delivered_bytes >= STREAMS[self.provider].finished_at


def random_cuts(count: int) -> Iterator[Cut]:
    """The cuts of this run, those of one dialect and room after each other."""
    chance, providers = random.Random(SEED), itertools.cycle(STREAMS)
    while count > 0:
        provider = next(providers)
        for _ in range(min(count, CUTS_OF_A_ROOM)):
            byte = chance.randrange(STREAMS[provider].length)
            yield Cut(provider, chance.choice(WAYS), byte, chance.choice(FACES))
        count -= CUTS_OF_A_ROOM


def check(cut: Cut, seen: Seen) -> None:
    """What the caller saw is whole only if the stream was, and tells what went wrong if not."""
    is_whole = seen.is_complete or bool(seen.finish_reasons)
    assert not is_whole or cut.is_after_the_end, f"{cut} looks whole"
    assert seen.is_complete != bool(seen.reason), f"{cut} neither ends nor fails"
    assert TEXT.startswith(seen.text), f"{cut} is not what was sent"
    assert not seen.is_complete or seen.text == TEXT, f"{cut} ends before its end"


async def try_some(lab: Lab, cuts: list[Cut]) -> Counter[str]:
    """Tries a room's worth; how many there were of each kind."""
    found: Counter[str] = Counter()
    provider = cuts[0].provider
    async with lab.room("ok", provider=provider) as room:
        mock = room.targets[0].mock
        assert mock is not None
        for number, cut in enumerate(cuts):
            mock.play(cut.scenario)
            before = len(mock.requests)
            asked = {"is_grpc": cut.face == "grpc", "is_messages": cut.face == "messages"}
            seen = await room.ask(is_stream=True, prompt=f"Cut {number}.", **asked)
            assert len(mock.requests) > before, f"{cut} was not tried"
            check(cut, seen)
            state = "whole" if seen.is_complete else "broken, told in the stream" if seen.is_in_band else "refused"
            found[f"{provider:18} {state}"] += 1
    return found


@pytest.mark.timeout(7200)
async def test_no_stream_that_was_cut_looks_whole(
    patient: Lab, pytestconfig: pytest.Config, tell: Callable[[str], None]
) -> None:
    cuts = list(random_cuts(int(pytestconfig.getoption("--cuts"))))
    rooms = [cuts[start : start + CUTS_OF_A_ROOM] for start in range(0, len(cuts), CUTS_OF_A_ROOM)]
    found: Counter[str] = Counter()
    for start in range(0, len(rooms), AT_A_TIME):
        for part in await asyncio.gather(*(try_some(patient, room) for room in rooms[start : start + AT_A_TIME])):
            found += part
    assert found.total() == len(cuts)
    for kind, count in sorted(found.items()):
        tell(f"{count:6} {kind}")
    late = sum(cut.is_after_the_end for cut in cuts)
    tell(f"{len(cuts)} streams cut, {late} of them after their end, 0 wrongly presented as whole")


def test_the_cuts_fall_before_and_after_the_end_in_every_dialect_way_and_face() -> None:
    cuts = list(random_cuts(3000))
    assert {(cut.provider, cut.way, cut.face) for cut in cuts} == set(itertools.product(STREAMS, WAYS, FACES))
    for provider, sent in STREAMS.items():
        assert {cut.is_after_the_end for cut in cuts if cut.provider == provider} == {True, False}
        assert Cut(provider, "cut-wire", 10**6, "rest").delivered_bytes == sent.length
        assert Cut(provider, "cut-wire", 3, "rest").delivered_bytes == 0
    assert set(STREAMS) == set(PATHS)
