"""Headers that become text when they are read say what they say as text."""

import pytest

from server.upstream.head import NO_HEAD, Head, head_of, names_of

CASES: dict[str, tuple[dict[bytes, bytes], dict[str, str]]] = {
    "none": ({}, {}),
    "one": ({b"X-A": b"1"}, {"x-a": "1"}),
    "one without a value": ({b"X-A": b"", b"b": b"2"}, {"x-a": "", "b": "2"}),
    "repeated in another case: the first counts": ({b"X-C": b"4", b"b": b"5", b"x-c": b"6"}, {"x-c": "4", "b": "5"}),
    "of any bytes": ({b"x": b"\xe9\x85 \t"}, {"x": "\xe9\x85 \t"}),
}


@pytest.mark.parametrize(("came", "shown"), CASES.values(), ids=CASES)
def test_headers_read_as_their_text(came: dict[bytes, bytes], shown: dict[str, str]) -> None:
    head = Head(names_of(tuple(came)), tuple(came.values()), "")
    assert set(head) == shown.keys()  # before anything is read
    assert len(head) == len(shown)
    assert head == shown
    assert {name: head[name] for name in head} == shown
    assert head.get("missing", "no") == "no"
    assert "missing" not in head
    assert {"missing"}.isdisjoint(head)


@pytest.mark.parametrize(
    ("headers", "kind", "is_encoded"),
    [
        pytest.param({}, "", False, id="nothing"),
        pytest.param({"content-type": "Text/Plain; x"}, "Text/Plain; x", False, id="a kind as it came"),
        pytest.param({"content-encoding": "gzip"}, "", True, id="an encoding"),
    ],
)
def test_what_is_asked_of_every_head_is_known(headers: dict[str, str], kind: str, is_encoded: bool) -> None:
    head = head_of(headers)
    assert (head.kind, head.names.is_encoded, dict(head)) == (kind, is_encoded, headers)


def test_a_head_that_has_not_come_says_nothing() -> None:
    assert (dict(NO_HEAD), NO_HEAD.kind, NO_HEAD.names.is_encoded) == ({}, "", False)


def test_what_a_head_lacks_is_known_of_all_with_the_same_names() -> None:
    names, wanted, others = names_of((b"X-A", b"b")), frozenset({"c", "x-b"}), frozenset({"b", "c"})
    one, next_one = Head(names, (b"1", b"2"), ""), Head(names, (b"3", b"4"), "")
    for head in (one, one, next_one):
        assert head.lacks(wanted)
        assert not head.lacks(others)
