"""The demo models' tokenizer and texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.chat.request import parse_chat_request
from server.providers.demo.text import LONG_TOKENS, cut, last_user_text, long_text, prompt_tokens, tokens_of


@given(st.text())
def test_tokens_join_to_the_text(text: str) -> None:
    assert "".join(tokens_of(text)) == text


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", []),
        ("hello", ["hello"]),
        ("Hello, world!", ["Hello", ",", " world", "!"]),
        ("a  b ", ["a", "  b", " "]),
        ("it's 3.5", ["it", "'", "s", " 3", ".", "5"]),
        ("日本 é", ["日本", " é"]),
    ],
)
def test_splits(text: str, tokens: list[str]) -> None:
    assert tokens_of(text) == tokens


@pytest.mark.parametrize("seed", [0, 1, 7, -3, 2**63])
def test_the_long_text_has_its_tokens_whatever_the_seed(seed: int) -> None:
    assert len(tokens_of(long_text(seed))) == LONG_TOKENS


def test_the_seed_decides_where_the_long_text_begins() -> None:
    assert long_text(1) == long_text(1) != long_text(2)


@pytest.mark.parametrize(
    ("stops", "limit", "said", "reason"),
    [
        ([], None, "one two three", "stop"),
        ([], 2, "one two", "length"),
        ([], 3, "one two three", "stop"),
        ([" two"], None, "one", "stop"),
        (["three", "two"], None, "one ", "stop"),
        (["two"], 1, "one", "length"),
        ([""], None, "one two three", "stop"),
        (["one"], None, "", "stop"),
    ],
)
def test_stops_and_limits(stops: list[str], limit: int | None, said: str, reason: str) -> None:
    tokens, finish_reason = cut("one two three", stops, limit)
    assert ("".join(tokens), finish_reason) == (said, reason)


def test_the_prompt_is_all_texts_and_the_last_user_text_the_last_of_them() -> None:
    view = parse_chat_request(
        b'{"messages":[{"role":"system","content":"a b"},{"role":"user","content":[{"type":"text","text":"c"},'
        b'{"type":"image_url","image_url":{"url":"https://a.example"}},{"type":"text","text":"d"}]},'
        b'{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},'
        b'{"role":"tool","tool_call_id":"1","content":"x"}]}'
    ).view
    assert last_user_text(view) == "c\nd"
    assert prompt_tokens(view) == 2 + 2 + 1 + 2 + 1
