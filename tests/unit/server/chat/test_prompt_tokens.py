"""A number of tokens compares as its value does, and is counted only where its bounds do not tell."""

import json
import random

import pytest

from server.chat.estimate import estimate_tokens
from server.chat.prompt_tokens import PromptTokens, is_long, most_of
from server.chat.request import ChatRequest, parse_chat_request
from tests.unit.server.chat.bodies import Bodies

PIECES = (" ", "  ", "\n  ", "a", "word", "letters" * 9, "123", ".", "::", "\n", "\t", "é", "日本", "👍", "()", "A b")


def asked(text: str, **more: object) -> ChatRequest:
    return parse_chat_request(json.dumps({"messages": [{"role": "user", "content": text}], **more}).encode())


def requests() -> list[ChatRequest]:
    source = random.Random(3)
    made = [parse_chat_request(Bodies(seed).request()) for seed in range(100)]
    for piece in PIECES:  # each by itself is the most or the least of some kind
        made += [asked(piece * times) for times in (1, 40, 9_000)]
    for _ in range(150):
        pieces = source.sample(PIECES, source.randint(1, 5))
        made.append(asked("".join(source.choices(pieces, k=source.choice((3, 60, 2_000))))))
    return made


def test_compares_as_its_value() -> None:
    for request in requests():
        value = estimate_tokens(request)
        assert value <= most_of(PromptTokens(request))
        for other in (0, 1, 150, 1_024, 1_500, 6_000, 8_000, value - 1, value, value + 1, value - 0.5, value + 0.5):
            assert (PromptTokens(request) >= other) is (value >= other)
            assert (PromptTokens(request) > other) is (value > other)
            assert (PromptTokens(request) <= other) is (value <= other)
            assert (PromptTokens(request) < other) is (value < other)


def test_its_value_is_the_estimate() -> None:
    request = asked("How many words are there?")
    tokens = PromptTokens(request)
    assert int(tokens) == tokens.counted == estimate_tokens(request)
    assert tokens == PromptTokens(request) == int(tokens) != int(tokens) + 1
    assert hash(tokens) == hash(int(tokens))


def test_a_value_that_was_counted_before_is_taken() -> None:
    tokens = PromptTokens(asked("Hi"), 77)
    assert (int(tokens), tokens.counted, most_of(tokens), most_of(5)) == (77, 77, 77, 5)
    assert "77" in repr(tokens)


NOT_COUNTED = {
    "a short prompt, and whether it is long": ("word " * 100, 1_024, False),
    "a long prompt, and whether it is long": ("word " * 10_000, 1_024, True),
    "a very long one": ("word " * 100_000, 6_000, True),
}


@pytest.mark.parametrize(("text", "tokens", "is_more"), NOT_COUNTED.values(), ids=NOT_COUNTED.keys())
def test_is_not_counted_where_its_bounds_tell(text: str, tokens: int, is_more: bool) -> None:
    found = PromptTokens(asked(text))
    assert (found >= tokens) is is_more
    assert found.counted is None


def test_what_is_more_than_text_is_counted() -> None:
    image = {"type": "image_url", "image_url": {"url": "https://a"}}
    body = json.dumps({"messages": [{"role": "user", "content": [image]}]}).encode()
    found = PromptTokens(parse_chat_request(body))
    assert found > 500
    assert found.counted is not None


def test_what_it_is_surely_is_not_looked_for_again() -> None:
    found = PromptTokens(asked("word " * 10_000))
    assert [found >= tokens for tokens in (1_500, 1_024, 150, 6_000, 1_500)] == [True] * 5
    assert found.counted is None
    assert found < 40_000


def test_is_long_as_long_as_a_long_request_is_not_counted() -> None:
    found = PromptTokens(asked("word " * 10_000))
    assert is_long(found)
    assert int(found) > 1_024
    assert not is_long(found)
    assert not is_long(PromptTokens(asked("word")))
    assert not is_long(100_000)
