"""What was said is held up to its cap, and says when there was more."""

import pytest

from server.chat.content import Content


def test_what_fits_is_held_whole() -> None:
    content = Content(False, 10, b"request")
    content.add([b"ab", b"cd"])
    content.add([b"ef"])
    assert (content.request, content.pieces, content.is_cut) == (b"request", [b"ab", b"cd", b"ef"], False)
    assert content.size_bytes == 13


@pytest.mark.parametrize(
    ("pieces", "held"),
    [([b"0123456789", b"x"], b"0123456789"), ([b"0123456", b"789abc"], b"0123456789"), ([b"x" * 99], b"x" * 10)],
    ids=["more after it is full", "more than there is room for", "one too large"],
)
def test_an_answer_is_cut_at_the_cap(pieces: list[bytes], held: bytes) -> None:
    content = Content(False, 10, b"")
    content.add(pieces)
    assert (b"".join(content.pieces), content.answer_bytes, content.is_cut) == (held, 10, True)
    content.add([b"more"])
    assert b"".join(content.pieces) == held


def test_a_request_is_cut_at_the_cap() -> None:
    content = Content(False, 4, b"request")
    assert (content.request, content.is_cut) == (b"requ", True)


def test_nothing_of_it_shows_in_logs() -> None:
    content = Content(False, 100, b"secret prompt")
    content.add([b"secret answer"])
    assert "secret" not in repr(content)
