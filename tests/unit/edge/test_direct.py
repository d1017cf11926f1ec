"""What is announced becomes lines of a head, once for answers that announce the same."""

from typing import Any

import pytest

from edge.direct import lines_of, response_to


class Announced:
    """What answers have in common."""

    def __init__(self) -> None:
        self.shown: Any = None


class Head:
    """Initial metadata."""

    def __init__(self, announced: Announced | None, *pairs: tuple[str, str]) -> None:
        self.metadata = pairs
        self.names = tuple(name for name, _ in pairs)
        self.values: Any = tuple(value for _, value in pairs)
        self.is_text = True
        self.announced: Any = announced
        self.request_id = pairs[0][1]
        self.body = b"{}"


ID = ("x-request-id", "req_1")
WITH_ID = b"x-request-id: req_1\r\nrequest-id: req_1\r\n"
CASES = {
    "nothing but an id": ((ID,), WITH_ID),
    "one more": ((ID, ("x-perpetuo-provider", "demo")), WITH_ID + b"x-perpetuo-provider: demo\r\n"),
    "one that goes out under another name": ((ID, ("a", "b")), WITH_ID + b"grpc-metadata-a: b\r\n"),
    "one that does not go out": ((ID, ("server", "b")), None),
    "no id": ((("a", "b"),), None),
}


@pytest.mark.parametrize("announced", [None, Announced()], ids=["once", "as others do"])
@pytest.mark.parametrize("case", CASES)
def test_lines_are_the_same_however_often_they_are_made(case: str, announced: Announced | None) -> None:
    pairs, lines = CASES[case]
    if announced is not None:
        announced = Announced()
    assert [lines_of(Head(announced, *pairs)) for _ in range(3)] == [lines] * 3


def test_each_answer_has_its_own_id() -> None:
    announced = Announced()
    made = [lines_of(Head(announced, ("x-request-id", name), ("x-perpetuo-attempts", "1"))) for name in ("a", "bcd")]
    line = b"x-request-id: %b\r\nrequest-id: %b\r\nx-perpetuo-attempts: 1\r\n"
    assert made == [line % (b"a", b"a"), line % (b"bcd", b"bcd")]
    assert announced.shown.lines == b"x-perpetuo-attempts: 1\r\n"


@pytest.mark.parametrize("case", CASES)
def test_a_whole_response_is_written_once_its_lines_are_known(case: str) -> None:
    pairs, lines = CASES[case]
    announced = Announced()
    answer = Head(announced, *pairs)
    assert (response_to(answer), response_to(Head(None, *pairs))) == (None, None)
    lines_of(answer)
    rest = b"content-type: application/json\r\nx-content-type-options: nosniff\r\ncontent-length: 2\r\n\r\n{}"
    assert response_to(answer) == (None if lines is None else b"HTTP/1.1 200 OK\r\n" + lines + rest)


def test_what_is_no_text_has_no_lines() -> None:
    head = Head(None, ID)
    head.is_text = False
    assert lines_of(head) is None
