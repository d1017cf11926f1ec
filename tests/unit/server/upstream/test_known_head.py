"""A head that is known is read as the parser reads it, and whatever is not certain is left to the parser."""

import random

import httptools
import pytest

from server.upstream.head import Head, names_of
from server.upstream.known_head import MAX_KNOWN_BYTES, KnownHead, known_head

HEAD = (
    b"HTTP/1.1 200 OK\r\nDate: Mon, 23 Nov 2026 23:04:26 GMT\r\nContent-Type: application/json\r\n"
    b"Content-Length: 2\r\nConnection: keep-alive\r\nset-cookie: a=1\r\nX-Id:abc\r\nset-cookie: b=2\r\n\r\n"
)
ANSWER = HEAD + b"ok"


class Parsed:
    """What the parser makes of one piece; `events` are the ends of heads and bodies."""

    def __init__(self, data: bytes) -> None:
        self.headers: dict[bytes, bytes] = {}
        self.on_header = self.headers.setdefault
        self.body = b""
        self.events: list[str] = []
        self.fails = False
        self.parser = httptools.HttpResponseParser(self)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.fails = True

    def on_message_begin(self) -> None:
        self.events.append("begin")

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.keeps_alive = self.parser.should_keep_alive()
        self.events.append("end")

    def head(self) -> Head:
        kind = next((value for name, value in self.headers.items() if name.lower() == b"content-type"), b"")
        return Head(names_of(tuple(self.headers)), tuple(self.headers.values()), kind.decode("latin-1"))


class Taken:
    """An answer on its way that takes what comes, or nothing."""

    def __init__(self, *, takes: bool = True) -> None:
        self.takes = takes
        self.came: list[tuple[int, Head, bytes]] = []

    def come_whole(self, status: int, headers: Head, body: bytes) -> bool:
        self.came.append((status, headers, body))
        return self.takes


def taken(known: KnownHead, data: bytes) -> tuple[int, Head, bytes] | None:
    """What is taken of the data, None if nothing."""
    answer = Taken()
    assert known.brings(data, answer) == bool(answer.came)
    return answer.came[0] if answer.came else None


def learnt(data: bytes) -> KnownHead | None:
    return known_head(data, Parsed(data).head())


def with_line(line: bytes) -> bytes:
    return ANSWER.replace(b"X-Id:abc", line)


@pytest.mark.parametrize(
    ("data", "is_learnt"),
    [
        pytest.param(ANSWER, True, id="a plain one"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", True, id="a length and nothing else"),
        pytest.param(b"HTTP/1.1 200 \r\ncontent-length: 2\r\n\r\nok", True, id="no word for the status"),
        pytest.param(ANSWER.replace(b"200 OK", b"201 Created"), False, id="another status"),
        pytest.param(ANSWER.replace(b"1.1", b"1.0"), False, id="an old version"),
        pytest.param(HEAD.replace(b": 2", b": 0"), False, id="an empty body"),
        pytest.param(ANSWER.replace(b": 2", b": 02"), False, id="a length with a zero before it"),
        pytest.param(ANSWER.replace(b": 2", b": 3"), False, id="a body that is not whole"),
        pytest.param(ANSWER + b"\r\n", False, id="something behind it"),
        pytest.param(with_line(b"X-Id:"), False, id="a header without a value"),
        pytest.param(with_line(b"Upgrade: h2c"), False, id="another protocol"),
        pytest.param(with_line(b"content-encoding: gzip"), False, id="an encoding"),
        pytest.param(with_line(b"X-Id: " + b"a" * MAX_KNOWN_BYTES), False, id="a long head"),
        pytest.param(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", False, id="chunks"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + ANSWER, False, id="an interim answer before it"),
    ],
)
def test_only_what_is_certain_is_learnt(data: bytes, is_learnt: bool) -> None:
    assert (learnt(data) is not None) is is_learnt


def test_a_head_that_the_parser_read_otherwise_is_not_learnt() -> None:
    names = names_of(tuple(Parsed(ANSWER).headers))
    for values in (Parsed(ANSWER.replace(b"abc", b"abd")).headers.values(), ()):
        assert known_head(ANSWER, Head(names, tuple(values), "")) is None
    assert known_head(ANSWER, Head(names_of((b"Content-Length",)), (b"2",), "")) is None


TAKEN = {
    "the same": ANSWER,
    "another length": ANSWER.replace(b": 2", b": 12") + b"a" * 10,
    "other values": ANSWER.replace(b"abc", b"\xe9\t b ").replace(b"a=1", b"c=12345"),
    "a body that looks like an answer": ANSWER.replace(b": 2", b": %d" % len(ANSWER))[:-2] + ANSWER,
}
LEFT = {
    "a longer body": ANSWER + b"a",
    "a shorter body": ANSWER[:-1],
    "a head alone": HEAD,
    "half a head": HEAD[:60],
    "two answers": ANSWER + ANSWER,
    "another status": ANSWER.replace(b"200", b"429"),
    "another word": ANSWER.replace(b"OK", b"Ok"),
    "an end of the connection": ANSWER.replace(b"keep-alive", b"close"),
    "another content type": ANSWER.replace(b"application/json", b"text/html"),
    "a name in another case": ANSWER.replace(b"X-Id", b"x-id"),
    "a header more": with_line(b"X-Id: abc\r\nX: y"),
    "chunks as well": with_line(b"X-Id: abc\r\nTransfer-Encoding: chunked"),
    "a header less": ANSWER.replace(b"X-Id:abc\r\n", b""),
    "another order": ANSWER.replace(b"X-Id:abc\r\nset-cookie: b=2", b"set-cookie: b=2\r\nX-Id:abc"),
    "an empty value": with_line(b"X-Id:"),
    "a blank before a value": with_line(b"X-Id: abc"),
    "a folded value": with_line(b"X-Id:abc\r\n d"),
    "a line feed in a value": with_line(b"X-Id:a\nb"),
    "a return in a value": with_line(b"X-Id:a\rb"),
    "a zero byte in a value": with_line(b"X-Id:a\0b"),
    "a length with a sign": ANSWER.replace(b": 2", b": +2"),
    "a length with a zero before it": ANSWER.replace(b": 2", b": 02"),
    "a length with a blank": ANSWER.replace(b": 2", b": 2 "),
    "a length beyond all": ANSWER.replace(b": 2", b": " + b"9" * 30),
    "nothing": b"",
}


@pytest.mark.parametrize("data", TAKEN.values(), ids=TAKEN)
def test_an_answer_with_a_known_head_reads_as_it_is_parsed(data: bytes) -> None:
    known, parsed = learnt(ANSWER), Parsed(data)
    assert known is not None
    came = taken(known, data)
    assert came is not None
    status, head, body = came
    assert body == parsed.body
    assert dict(head) == dict(parsed.head())
    assert head.values_as_they_came == parsed.head().values_as_they_came
    assert (status, head.kind) == (200, "application/json")


@pytest.mark.parametrize("data", LEFT.values(), ids=LEFT)
def test_everything_else_is_left_to_the_parser(data: bytes) -> None:
    known = learnt(ANSWER)
    assert known is not None
    assert taken(known, data) is None


def test_what_is_not_wanted_is_left_to_the_parser_too() -> None:
    known = learnt(ANSWER)
    assert known is not None
    assert not known.brings(ANSWER, Taken(takes=False))


def test_what_is_taken_is_what_the_parser_would_take_whatever_comes() -> None:
    rng, known = random.Random(7), learnt(ANSWER)
    assert known is not None
    bits = (b"\r\n", b"\n", b"\r", b" ", b"\t", b"\0", b"\x7f", b"\xff", b":", b"a", b"2", b"0", b"-", b"close", b"ok")
    taken_count = 0
    for _ in range(20_000):
        data = ANSWER
        for _ in range(rng.randrange(1, 3)):
            at = rng.randrange(len(data))
            data = data[:at] + rng.choice(bits) + data[at + rng.randrange(2) :]
        came = taken(known, data)
        if came is None:
            continue
        status, head, body = came
        taken_count += 1
        parsed = Parsed(data)
        assert not parsed.fails, data
        assert (parsed.events, parsed.keeps_alive) == (["begin", "end"], True), data
        assert (parsed.body, parsed.parser.get_status_code()) == (body, status)
        assert head.values_as_they_came == tuple(parsed.headers.values())
        assert head.kind == parsed.head().kind
    assert taken_count > 1000
