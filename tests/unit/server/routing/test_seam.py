"""Joining a stream to one that broke: every way to cut a text, and what a provider may do with the end of it."""

import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from server.chat.answer import peek_chunk
from server.chat.usage import Usage
from server.providers.dialect import Chunk
from server.routing.seam import Said, Seam, identity_of, summed

WHOLE = "One  two,\n\n three 🦊 \n four"


def chunk(delta: dict[str, Any] | None, finish: str | None = None, **more: Any) -> Chunk:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    data = json.dumps({"id": "chatcmpl-2", "created": 2, "model": "two", "choices": choices, **more}).encode()
    return Chunk(data, peek_chunk(data))


def said(*chunks: Chunk) -> Said:
    so_far = Said()
    for each in chunks:
        so_far.take(each)
    return so_far


FIRST = identity_of(chunk({"role": "assistant"}, id="chatcmpl-1", created=1, model="one", system_fingerprint="fp"))


def joined(seam: Seam, *chunks: Chunk) -> list[dict[str, Any]]:
    return [json.loads(made.data) for each in chunks if (made := seam.join(each)) is not None]


def texts(documents: list[dict[str, Any]]) -> str:
    return "".join(choice["delta"].get("content", "") for document in documents for choice in document["choices"])


@pytest.mark.parametrize("echoes", [False, True], ids=["it goes on", "it repeats"])
@pytest.mark.parametrize("says_blanks", [True, False], ids=["with the blanks", "without"])
@given(cut=st.integers(0, len(WHOLE)), sizes=st.lists(st.integers(1, 9), min_size=1, max_size=9))
def test_wherever_a_text_is_cut_it_is_whole(echoes: bool, says_blanks: bool, cut: int, sizes: list[int]) -> None:
    so_far = WHOLE[:cut]
    # Of a run of blanks that was cut within, only a provider that says them all tells where it ends.
    assume(says_blanks or not WHOLE[cut : cut + 1].isspace())
    seam = Seam(so_far, FIRST, Usage(), echoes=echoes)
    assert so_far.startswith(seam.prefill)
    rest = WHOLE[len(seam.prefill) :] if says_blanks else WHOLE[cut:]
    rest = seam.prefill + rest if echoes else rest
    pieces: list[Chunk] = [chunk({"role": "assistant", "content": ""})]
    at = 0
    while at < len(rest):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(chunk({"content": rest[at : at + size]}))
        at += size
    documents = joined(seam, *pieces, chunk({}, "stop"))
    assert so_far + texts(documents) == WHOLE
    assert documents[-1]["choices"][0]["finish_reason"] == "stop"
    assert all("role" not in choice["delta"] for document in documents for choice in document["choices"])


def test_the_identity_is_that_of_the_first() -> None:
    [document] = joined(Seam("So", FIRST, Usage(), echoes=False), chunk({"content": " on"}, system_fingerprint="other"))
    assert [document[name] for name in ("id", "created", "model", "system_fingerprint")] == [
        "chatcmpl-1",
        1,
        "one",
        "fp",
    ]


def test_what_says_nothing_is_left_out() -> None:
    seam = Seam("So", FIRST, Usage(), echoes=False)
    silent = [chunk({"role": "assistant"}), chunk({}), chunk({"reasoning_content": "hm"}), chunk(None)]
    assert joined(seam, *silent) == []


def test_a_tool_may_be_called_after_the_text() -> None:
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    seam = Seam("So", FIRST, Usage(), echoes=True)
    documents = joined(seam, chunk({"content": "S"}), chunk({"tool_calls": [call]}), chunk({}, "tool_calls"))
    assert [document["choices"][0]["delta"] for document in documents] == [{"content": "S", "tool_calls": [call]}, {}]


def test_the_usage_is_that_of_both() -> None:
    told = {
        "prompt_tokens": 10,
        "completion_tokens": 4,
        "prompt_tokens_details": {"cached_tokens": 6},
        "completion_tokens_details": {"reasoning_tokens": 1},
    }
    spent = Usage(input_tokens=3, output_tokens=2, is_estimated=True)
    made = Seam("So", FIRST, spent, echoes=False).join(chunk(None, usage=told))
    assert made is not None
    assert json.loads(made.data)["usage"]["total_tokens"] == 19
    assert made.facts.usage is not None
    assert made.facts.usage == Usage(input_tokens=7, cache_read_tokens=6, output_tokens=5, reasoning_tokens=1)
    assert made.facts.is_usage_only


def test_buckets_are_added_one_by_one() -> None:
    one, two = Usage(1, 2, 3, 4, 5, True, 1, 1, 1, 1, "old"), Usage(10, 20, 30, 40, 50, False, 2, 2, 2, 2, "flex")
    assert summed(one, two) == Usage(11, 22, 33, 44, 55, True, 3, 3, 3, 3, "flex")


PLAIN: list[tuple[str, dict[str, Any], bool]] = [
    ("text", {"content": "a"}, True),
    ("a role with text", {"role": "assistant", "content": "a"}, True),
    ("empty members", {"content": "a", "tool_calls": [], "refusal": None}, True),
    ("a call of a tool", {"tool_calls": [{"index": 0}]}, False),
    ("reasoning", {"reasoning_content": "hm"}, False),
    ("signed reasoning", {"thinking_blocks": [{"type": "thinking"}]}, False),
    ("a refusal", {"refusal": "no"}, False),
    ("content in parts", {"content": [{"type": "text"}]}, False),
]


@pytest.mark.parametrize(("delta", "is_plain"), [case[1:] for case in PLAIN], ids=[case[0] for case in PLAIN])
def test_what_is_plain_text(delta: dict[str, Any], is_plain: bool) -> None:
    assert said(chunk(delta)).is_plain is is_plain


def test_a_text_beyond_the_bound_is_not_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.routing.seam.MAX_SAID_CHARS", 5)
    assert said(chunk({"content": "12345"})).is_plain
    assert not said(chunk({"content": "12345"}), chunk({"content": "6"})).is_plain
    assert said(chunk({"content": "12"}), chunk({}), chunk({"content": "34"})).text == "1234"
