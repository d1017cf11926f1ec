"""A head that came before is known by every byte but the length, and by nothing less."""

from typing import Any

import pytest

from edge.cycle import Cycle
from edge.known_head import KnownHead, known_head

BEFORE = b"POST /v1/x?a=b HTTP/1.1\r\nHost: a\r\nContent-Length: "
AFTER = b"\r\nX-Y: z\r\n\r\n"
FIRST = BEFORE + b"2" + AFTER + b"{}"


class Flow:
    """Nothing is paused."""

    read_paused = write_paused = False

    def resume_reading(self) -> None:
        """As it is."""


def cycle() -> Cycle:
    transport: Any = None
    flow: Any = Flow()
    return Cycle(
        {"method": "POST", "headers": [(b"host", b"a")], "state": {"a": 1}},
        transport,
        flow,
        print,
        keep_alive=True,
        expect_100_continue=False,
    )


def known() -> KnownHead:
    found = known_head(FIRST, cycle())
    assert found is not None
    return found


SAME = {
    "the same request": (FIRST, b"{}"),
    "another body of the same length": (BEFORE + b"2" + AFTER + b"[]", b"[]"),
    "a longer body": (BEFORE + b"10" + AFTER + b"0123456789", b"0123456789"),
    "a body that looks like a head": (BEFORE + b"4" + AFTER + b"\r\n\r\n", b"\r\n\r\n"),
    "a length with a zero before it": (BEFORE + b"02" + AFTER + b"{}", b"{}"),
    "no body": (BEFORE + b"0" + AFTER, b""),
    "the longest length": (BEFORE + b"000000002" + AFTER + b"{}", b"{}"),
}


BEFORE_IT = pytest.mark.parametrize(
    "seen",
    [[], [FIRST], [BEFORE + b"10" + AFTER + b"0123456789"], [FIRST + FIRST]],
    ids=["first", "after one like it", "after a longer one", "after what is none"],
)


@BEFORE_IT
@pytest.mark.parametrize("case", SAME)
def test_a_known_head_gives_the_body_of(case: str, seen: list[bytes]) -> None:
    data, body = SAME[case]
    head = known()
    for each in seen:
        head.body_in(each)
    assert head.body_in(data) == body


OTHERS = {
    "nothing": b"",
    "a head that is not all there": FIRST[:-4],
    "a body that is not all there": FIRST[:-1],
    "more than the body": FIRST + b"G",
    "two requests": FIRST + FIRST,
    "another path": FIRST.replace(b"/v1/x", b"/v1/y"),
    "another method": FIRST.replace(b"POST", b"PUT "),
    "a header in other letters": FIRST.replace(b"Host", b"host"),
    "another value": FIRST.replace(b"z\r", b"y\r"),
    "one more header": FIRST.replace(b"X-Y", b"A: b\r\nX-Y"),
    "a header behind the length": FIRST.replace(b"2\r\n", b"2\r\nTransfer-Encoding: chunked\r\n"),
    "a header in the place of the length": BEFORE + b"\r\nX: 2" + AFTER + b"{}",
    "no length": BEFORE + AFTER + b"{}",
    "a signed length": BEFORE + b"+2" + AFTER + b"{}",
    "a negative length": BEFORE + b"-2" + AFTER + b"{}",
    "a length with a space behind it": BEFORE + b"2 " + AFTER + b"{}",
    "a length with a space inside": BEFORE + b"0 2" + AFTER + b"{}",
    "two lengths": BEFORE + b"2, 2" + AFTER + b"{}",
    "a length in another base": BEFORE + b"0x2" + AFTER + b"{}",
    "digits of another script": BEFORE + "٢".encode() + AFTER + b"{}",
    "a length that is too long": BEFORE + b"0000000002" + AFTER + b"{}",
    "a line that ends without a return": BEFORE + b"2\nX-Y: z\r\n\r\n{}",
}


@BEFORE_IT
@pytest.mark.parametrize("case", OTHERS)
def test_a_known_head_does_not_know(case: str, seen: list[bytes]) -> None:
    head = known()
    for each in seen:
        head.body_in(each)
    assert head.body_in(OTHERS[case]) is None


ALONE = {
    "the head of the first": (BEFORE + b"2" + AFTER, True),
    "the same with a longer body": (BEFORE + b"123456789" + AFTER, True),
    "one to which no body belongs": (BEFORE + b"0" + AFTER, False),
    "one of which something is missing": ((BEFORE + b"2" + AFTER)[:-1], False),
    "one with the first byte of a body": (BEFORE + b"2" + AFTER + b"{", False),
    "one with a body": (FIRST, False),
    "one of another path": (BEFORE.replace(b"/v1/x", b"/v1/y") + b"2" + AFTER, False),
    "one that ends otherwise": (BEFORE + b"2" + AFTER.replace(b"z", b"y"), False),
    "one without a length": (BEFORE + AFTER, False),
    "one whose length is none": (BEFORE + b"2 " + AFTER, False),
    "one whose length is too long": (BEFORE + b"1234567890" + AFTER, False),
    "one with a header before the end": (BEFORE + b"2\r\nA: b" + AFTER, False),
    "nothing": (b"", False),
}


@pytest.mark.parametrize("case", ALONE)
def test_a_known_head_that_came_alone_is_known(case: str) -> None:
    data, is_alone = ALONE[case]
    head = known()
    assert (head.body_in(data) == b"" and head.due_bytes > 0) is is_alone


UNLEARNT = {
    "a GET": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "another method with a body": FIRST.replace(b"POST", b"PUT"),
    "chunks": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "one that waits for leave": FIRST.replace(b"X-Y: z", b"Expect: 100-continue"),
    "the last of its connection": FIRST.replace(b"X-Y: z", b"Connection: close"),
    "one that asks for another protocol": FIRST.replace(b"X-Y: z", b"Upgrade: h2c"),
    "the version before": FIRST.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "two lengths": FIRST.replace(b"X-Y: z", b"Content-Length: 2"),
    "a line that goes on": FIRST.replace(b"X-Y: z", b"X-Y: a\r\n z"),
    "a line that ends without a return": FIRST.replace(b"a\r\nC", b"a\nC"),
    "an empty line before it": b"\r\n" + FIRST,
    "two requests": FIRST + FIRST,
    "a body that is not all there": FIRST[:-1],
}


@pytest.mark.parametrize("case", UNLEARNT)
def test_nothing_is_learnt_from(case: str) -> None:
    assert known_head(UNLEARNT[case], cycle()) is None


@pytest.mark.parametrize("space", [b"", b" ", b"  ", b"\t"])
def test_the_length_is_where_the_parser_finds_it(space: bytes) -> None:
    head = b"POST / HTTP/1.1\r\nX-Content-Length-Y: 7\r\nCONTENT-LENGTH:%b%d\r\n\r\n"
    found = known_head(head % (space, 2) + b"{}", cycle())
    assert found is None  # the name came twice, as part of another one
    head = b"POST / HTTP/1.1\r\nCONTENT-LENGTH:%b%d\r\n\r\n"
    found = known_head(head % (space, 2) + b"{}", cycle())
    assert found is not None
    assert found.body_in(head % (space, 3) + b"[1]") == b"[1]"


class Lane:
    """Serves nothing."""

    max_bytes = 4

    def begin(self, cycle: Cycle, task: object) -> None:
        raise AssertionError("nothing is served here")

    def end(self, cycle: Cycle, served: object) -> None:
        raise AssertionError("nothing is served here")

    async def explain(self, cycle: Cycle, error: BaseException) -> None:
        raise AssertionError("nothing is served here")

    async def answer(self, cycle: Cycle, body: bytes) -> int:
        raise AssertionError("nothing is served here")


class Lanes:
    """One for short bodies."""

    def __init__(self) -> None:
        self.lane = Lane()

    def of(self, body: bytes) -> Lane | None:
        return self.lane if len(body) <= self.lane.max_bytes else None


def test_a_request_goes_the_way_of_the_first_one_if_that_takes_it() -> None:
    first = cycle()
    found = known_head(FIRST, first)
    assert found is not None
    first.lanes = lanes = Lanes()
    made = found.next(b"[1]", print)
    assert (made.body, made.more_body, made.lane, made.scope) == (b"[1]", False, lanes.lane, first.scope)
    long = found.next(b"12345", print)
    assert (long.lane, long.take_body()) == (None, b"12345")
    again = found.next(b"{}", print)
    assert again.lane is lanes.lane


async def test_a_request_that_no_lane_takes_has_a_scope_of_its_own_and_may_leave_a_lane() -> None:
    first = cycle()
    found = known_head(FIRST, first)
    assert found is not None
    first.scope["client"] = ("changed", 1)
    first.scope["headers"].clear()
    second = found.next(b"{}", print)
    assert second.scope == {"method": "POST", "headers": [(b"host", b"a")], "state": {"a": 1}}
    assert await second.receive() == {"type": "http.request", "body": b"{}", "more_body": False}
    second.scope["state"]["a"] = 2
    second.lanes = lanes = Lanes()
    third = found.next(b"{}", print)
    assert third.lane is lanes.lane


def test_a_request_that_is_over_makes_room_for_the_next_if_nothing_of_it_is_kept() -> None:
    first = cycle()
    found, again_told = known_head(FIRST, first), list[None]().clear
    assert found is not None
    first.lanes = Lanes()
    made = found.next(b"{}", print)
    assert found.next(b"{}", print) is not made
    again = found.next(b"{}", print)
    assert found.next(b"{}", print) is not again  # it is served still
    spare = found.next(b"{}", again_told)
    spare.is_spare = spare.response_started = spare.response_complete = True
    renewed = found.next(b"[1]", again_told)
    assert renewed is spare
    assert (renewed.body, renewed.on_response, renewed.keep_alive, renewed.is_spare) == (
        b"[1]",
        again_told,
        True,
        False,
    )
    assert (renewed.response_started, renewed.response_complete) == (False, False)
