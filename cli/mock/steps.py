"""Bytes with their delays: how an answer is cut into writes, where it breaks, and what happens then. Pure."""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from itertools import chain
from typing import Final

from msgspec import Struct

from cli.mock.scenario import Scenario


class Ending(Enum):
    """What happens to the connection after the last step."""

    KEEP = "keep"
    CLOSE = "close"
    RESET = "reset"
    STALL = "stall"


class Step(Struct, frozen=True):
    """Bytes that are written `delay_s` seconds after the step before, in a packet of their own."""

    delay_s: float
    data: bytes


_AFTER: Final = (("reset-after", Ending.RESET), ("close-after", Ending.CLOSE))
_AT: Final = (("cut-at", Ending.CLOSE), ("reset-at", Ending.RESET), ("end-at", Ending.KEEP))


def compressed(pieces: Sequence[Step], times: int) -> list[Step]:
    """The same in gzip, flushed after each piece, `times` over."""
    for _ in range(times):
        packer = zlib.compressobj(wbits=31)
        packed = [
            Step(piece.delay_s, packer.compress(piece.data) + packer.flush(zlib.Z_SYNC_FLUSH)) for piece in pieces
        ]
        pieces = [*packed, Step(0.0, packer.flush())]
    return list(pieces)


def truncated(pieces: list[Step], scenario: Scenario, is_stream: bool) -> tuple[list[Step], Ending]:
    """What is left of a body after the faults that end it early, and how it ends then."""
    if "stall-after" in scenario:
        kept = _first(pieces, scenario.number("stall-after", "n"), is_stream)
        silence_s = scenario.number("stall-after", "ms") / 1000
        return ([*kept, Step(silence_s, b"")], Ending.CLOSE) if silence_s else (kept, Ending.STALL)
    for name, ending in _AFTER:
        if name in scenario:
            return _first(pieces, scenario.number(name, "n"), is_stream), ending
    for name, ending in _AT:
        if name in scenario:
            return list(first_bytes(pieces, scenario.number(name, "byte"))), ending
    if "trickle" in scenario and is_stream:
        return pieces[: scenario.number("trickle", "n")], Ending.KEEP
    return pieces, Ending.STALL if "stall-end" in scenario else Ending.KEEP


def _first(pieces: list[Step], count: int, is_stream: bool) -> list[Step]:
    """So many events, or bytes of what is no stream."""
    return pieces[:count] if is_stream else list(first_bytes(pieces, count))


def first_bytes(pieces: Iterable[Step], count: int) -> Iterator[Step]:
    """The first `count` bytes."""
    for piece in pieces:
        if count <= 0:
            return
        yield Step(piece.delay_s, piece.data[:count])
        count -= len(piece.data)


def apart(pieces: Iterable[Step]) -> list[Step]:
    """Each byte in a packet of its own."""
    return [
        Step(piece.delay_s * (not at), piece.data[at : at + 1]) for piece in pieces for at in range(len(piece.data))
    ]


def chunked(pieces: Iterable[Step], *, has_last: bool) -> list[Step]:
    """The pieces as chunks of HTTP, with the last one or without."""
    chunks = [
        Step(piece.delay_s, b"%x\r\n%b\r\n" % (len(piece.data), piece.data) if piece.data else b"")
        for piece in pieces
        if piece.data or piece.delay_s
    ]
    return [*chunks, Step(0.0, b"0\r\n\r\n")] if has_last else chunks


def coalesced(steps: Iterable[Step]) -> Iterator[Step]:
    """The same bytes in as few writes as the delays allow."""
    pending: list[bytes] = []
    delay_s = 0.0
    for step in chain(steps, (Step(-1.0, b""),)):
        if step.delay_s and pending:
            yield Step(delay_s, b"".join(pending))
            pending, delay_s = [], step.delay_s
        elif step.delay_s:
            delay_s = step.delay_s
        pending.append(step.data)
