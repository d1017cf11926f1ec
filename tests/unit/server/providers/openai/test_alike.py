"""Chunks that are known by their beginning and end say what they would have said had they been read."""

import json
import random

import pytest

from server.chat.answer import peek_chunk
from server.providers.openai.alike import MAX_LESSONS, Alike
from server.providers.openai.headless import Headless

HEAD = b'{"id":"chatcmpl-1","object":"chat.completion.chunk","created":7,"model":"m","choices":[{"index":0,"delta":'
TAIL = b',"logprobs":null,"finish_reason":null}]}'
PIECES = (
    "a",
    " the",
    "é",
    "你好",
    "🙂",
    '"',
    "\\",
    "\n",
    "\x00",
    "\x7f",
    "\u2028",
    "content",
    '{"x":1}',
    "</s>",
    "\\u0041",
)


def chunk(text: str, *, tail: bytes = TAIL, spaced: bool = False, ascii_only: bool = False) -> bytes:
    said = json.dumps({"content": text}, ensure_ascii=ascii_only, separators=(",", ": " if spaced else ":"))
    return HEAD + said.encode() + tail


def taught(*examples: bytes) -> Alike:
    alike = Alike(Headless())
    for example in examples:
        alike.learn(example, peek_chunk(example))
    return alike


@pytest.mark.parametrize("spaced", [pytest.param(False, id="terse"), pytest.param(True, id="with spaces")])
@pytest.mark.parametrize("ascii_only", [pytest.param(False, id="as it is"), pytest.param(True, id="escaped")])
def test_whatever_is_known_is_what_would_have_been_read(spaced: bool, ascii_only: bool) -> None:
    rng = random.Random(5)
    alike = taught(chunk(" token", spaced=spaced))
    known = 0
    for _ in range(500):
        text = "".join(rng.choices(PIECES, k=rng.randrange(4)))
        data = chunk(text, spaced=spaced, ascii_only=ascii_only)
        facts = alike.facts_of(data)
        known += facts is not None
        assert facts in (None, peek_chunk(data))
    assert known > 30


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(chunk(""), id="no text"),
        pytest.param(chunk('say "hi"'), id="a quote"),
        pytest.param(chunk("a\nb"), id="a line end"),
        pytest.param(chunk("a").replace(b'"a"', b'"\x01"'), id="a character that JSON does not take"),
        pytest.param(chunk("a").replace(b'"a"', b"null"), id="null in the text's place"),
        pytest.param(chunk("a").replace(b'"a"', b'"a","content":""'), id="the text twice"),
        pytest.param(chunk("a").replace(b'"a"', b'"a","role":"user"'), id="another member"),
        pytest.param(chunk("a", tail=TAIL.replace(b"null}", b'"stop"}')), id="another end"),
        pytest.param(chunk("a").replace(b'"m"', b'"n"'), id="another model"),
        pytest.param(chunk("a")[:-3], id="half a chunk"),
        pytest.param(HEAD + b'{"content":"' + TAIL, id="a beginning and an end that overlap"),
        pytest.param(b"[DONE]", id="the mark of the end"),
    ],
)
def test_what_differs_in_more_than_a_plain_text_is_not_known(data: bytes) -> None:
    alike = taught(chunk("a"))
    assert alike.facts_of(chunk("b")) == peek_chunk(chunk("b"))
    assert alike.facts_of(data) is None


@pytest.mark.parametrize(
    "example",
    [
        pytest.param(chunk(""), id="nothing is said"),
        pytest.param(chunk("a", tail=TAIL.replace(b"null}", b'"stop"}')), id="it is the last"),
        pytest.param(HEAD + b'{"reasoning_content":"a"}' + TAIL, id="the text is reasoning"),
        pytest.param(HEAD + b'{"x":{"content":"a"},"content":"b"}' + TAIL, id="another content stands before the text"),
        pytest.param(HEAD + b'{"content":"a","content":"b"}' + TAIL, id="the text stands twice"),
        pytest.param(chunk('a"b'), id="the text has an escape"),
    ],
)
def test_nothing_is_learnt_from_a_chunk_that_proves_nothing(example: bytes) -> None:
    alike = taught(example)
    assert alike.facts_of(chunk("b")) is None
    assert alike.facts_of(example) is None


def test_a_stream_whose_chunks_differ_everywhere_is_soon_no_longer_learnt_from() -> None:
    examples = [chunk("a", tail=TAIL[:-1] + b',"x":"%d"}' % number) for number in range(MAX_LESSONS + 1)]
    alike = taught(*examples)
    assert alike.facts_of(examples[MAX_LESSONS - 1]) is not None
    assert alike.facts_of(examples[MAX_LESSONS]) is None


def piece_of(*chunks: bytes) -> bytes:
    return b"".join([b"data: %b\n\n" % each for each in chunks])


@pytest.mark.parametrize("ascii_only", [pytest.param(False, id="as it is"), pytest.param(True, id="escaped")])
def test_whatever_is_known_of_a_piece_is_what_would_have_been_read_of_its_events(ascii_only: bool) -> None:
    rng = random.Random(7)
    alike = taught(chunk(" token"))
    known = {1: 0, 2: 0, 3: 0}
    for _ in range(900):
        texts = ["".join(rng.choices(PIECES[:2] * 20 + PIECES, k=rng.randrange(4))) for _ in range(rng.randrange(1, 4))]
        chunks = [chunk(text, ascii_only=ascii_only) for text in texts]
        found = alike.more(piece_of(*chunks))
        if found is not None:
            known[len(chunks)] += 1
            assert [(each.data, each.facts) for each in found] == [(data, peek_chunk(data)) for data in chunks]
    assert min(known.values()) > 10


CUT = "é".encode()
HALVES = piece_of(chunk("§"), chunk("±")).replace("§".encode(), CUT[:1]).replace("±".encode(), CUT[1:])
PIECES_UNKNOWN = {
    "no text in one of them": piece_of(chunk("a"), chunk("")),
    "a quote in one of them": piece_of(chunk("a"), chunk('"')),
    "an escape in one of them": piece_of(chunk("a"), chunk("\\")),
    "a character that is cut in two": piece_of(chunk("é")).replace(CUT, CUT[:1]),
    "halves of a character in two of them": HALVES,
    "an event of another kind between them": piece_of(chunk("a")) + b": ping\n\n" + piece_of(chunk("b")),
    "another line end between them": piece_of(chunk("a"), chunk("b")).replace(b"\n\n", b"\r\n\r\n", 1),
    "the last one is not whole": piece_of(chunk("a"), chunk("b"))[:-1],
    "the first one is not whole": piece_of(chunk("a"), chunk("b"))[1:],
    "an event of two lines": piece_of(chunk("a")).replace(b"\n\n", b"\ndata: x\n\n"),
    "another chunk in the middle": piece_of(chunk("a"), b"[DONE]", chunk("b")),
}


@pytest.mark.parametrize("case", PIECES_UNKNOWN)
def test_a_piece_is_not_known_with(case: str) -> None:
    assert taught(chunk("a")).more(PIECES_UNKNOWN[case]) is None


def test_nothing_is_known_while_a_chunk_waits_for_its_head() -> None:
    headless = Headless()
    alike = Alike(headless)
    alike.learn(chunk("a"), peek_chunk(chunk("a")))
    waiting = b'{"id":"","choices":[],"filters":[]}'
    assert headless.holds(waiting, peek_chunk(waiting))
    assert (alike.facts_of(chunk("b")), alike.more(piece_of(chunk("b")))) == (None, None)
    headless.released(chunk("b"))
    assert alike.facts_of(chunk("b")) is not None
    assert alike.more(piece_of(chunk("b"))) is not None


def framed(data: bytes, size: str = "%x") -> bytes:
    body = b"data: " + data + b"\n\n"
    return (size % len(body)).encode() + b"\r\n" + body + b"\r\n"


def test_of_chunks_of_a_body_those_are_known_whose_event_would_be() -> None:
    rng, known = random.Random(6), 0
    alike = taught(chunk(" token"))
    for _ in range(500):
        data = chunk("".join(rng.choices(PIECES, k=rng.randrange(4))))
        body = framed(data)
        is_known = alike.knows(body, len(body) - len(data) - 8)
        assert is_known == (alike.more(b"data: " + data + b"\n\n") is not None)
        known += is_known
    assert known > 30


@pytest.mark.parametrize(
    ("body", "around_bytes"),
    [
        pytest.param(framed(chunk("a"), "%X"), 6, id="a size in capitals"),
        pytest.param(framed(chunk("a"), "0%x"), 7, id="a size with a zero before it"),
        pytest.param(framed(chunk("a"), "%x;x=y"), 10, id="an extension"),
        pytest.param(framed(chunk("a")), 7, id="more around it than there is"),
        pytest.param(framed(chunk("a")) + framed(chunk("b")), 6, id="two chunks"),
        pytest.param(framed(chunk("a") + b"\n\ndata: " + chunk("b")), 7, id="two events"),
        pytest.param(framed(chunk("a"))[:-1], 6, id="the line end behind it is cut"),
        pytest.param(framed(chunk("a"))[1:], 6, id="the size is cut"),
        pytest.param(framed(chunk("a")).replace(b'"a"', b'"ab"'), 6, id="longer than it says"),
        pytest.param(framed(chunk("a")).replace(b'"a"', b'""'), 6, id="shorter than it says"),
        pytest.param(framed(chunk("a")).replace(b'"a"', b'"\xff"'), 6, id="a text that is not UTF-8"),
        pytest.param(framed(b"[DONE]"), 5, id="the mark of the end"),
        pytest.param(b"0\r\n\r\n", 5, id="the last chunk"),
        pytest.param(b"", 6, id="nothing"),
    ],
)
def test_a_chunk_that_is_anything_else_is_not_known(body: bytes, around_bytes: int) -> None:
    alike = taught(chunk("a"))
    assert alike.knows(framed(chunk("b")), 6)
    assert not alike.knows(body, around_bytes)
    assert not taught().knows(framed(chunk("b")), 6)
