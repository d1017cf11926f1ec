"""Ends and tokens of an answer in Anthropic's words."""

import typing
from typing import Any

import msgspec
import pytest
from anthropic.types import StopReason, Usage

from server.ingress.chat_answer import ChatUsage, End, read_usage
from server.ingress.messages.words import input_of, message_id, stop_reason, usage_of

ENDS = [
    ("it is done", End("stop"), False, "end_turn"),
    ("it calls a tool", End("tool_calls"), True, "tool_use"),
    ("it calls a tool in the older way", End("function_call"), True, "tool_use"),
    ("it calls a tool and says that it is done", End("stop"), True, "tool_use"),
    ("it says that it calls a tool and does not", End("tool_calls"), False, "end_turn"),
    ("it is too long", End("length"), False, "max_tokens"),
    ("it is too long inside a call", End("length"), True, "max_tokens"),
    ("it is filtered", End("content_filter"), False, "refusal"),
    ("a sequence ended it", End("stop", None, "END"), False, "stop_sequence"),
    ("a pause", End("stop", "pause_turn"), False, "pause_turn"),
    ("the window is full", End("length", "model_context_window_exceeded"), False, "model_context_window_exceeded"),
    ("another vendor's word", End("stop", "STOP"), False, "end_turn"),
    ("a word that is not known", End("eos"), False, "end_turn"),
    ("nothing is told", End(), False, "end_turn"),
]


@pytest.mark.parametrize(("end", "has_calls", "word"), [case[1:] for case in ENDS], ids=[case[0] for case in ENDS])
def test_an_end_has_a_word(end: End, has_calls: bool, word: str) -> None:
    assert stop_reason(end, has_calls=has_calls) == word
    assert word in typing.get_args(StopReason)


USAGES: list[tuple[str, Any, dict[str, Any]]] = [
    ("two counts", {"prompt_tokens": 7, "completion_tokens": 3}, {"input_tokens": 7, "output_tokens": 3}),
    (
        "a prompt cache",
        {
            "prompt_tokens": 100,
            "completion_tokens": 3,
            "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 30, "cache_write_1h_tokens": 10},
        },
        {
            "input_tokens": 10,
            "output_tokens": 3,
            "cache_read_input_tokens": 60,
            "cache_creation_input_tokens": 30,
            "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 10},
        },
    ),
    (
        "reasoning",
        {"prompt_tokens": 1, "completion_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 4}},
        {"input_tokens": 1, "output_tokens": 9, "output_tokens_details": {"thinking_tokens": 4}},
    ),
    (
        "parts that are more than the whole",
        {"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 9, "cache_write_tokens": 9}},
        {"input_tokens": 0, "output_tokens": 0, "cache_read_input_tokens": 5},
    ),
    ("counts below zero", {"prompt_tokens": -5, "completion_tokens": -1}, {"input_tokens": 0, "output_tokens": 0}),
]


@pytest.mark.parametrize(("sent", "expected"), [case[1:] for case in USAGES], ids=[case[0] for case in USAGES])
def test_tokens_stand_in_buckets_of_their_own(sent: Any, expected: dict[str, Any]) -> None:
    usage = read_usage(msgspec.Raw(msgspec.json.encode(sent)))
    assert usage is not None
    found = usage_of(usage)
    assert found == {"cache_read_input_tokens": 0, "cache_creation_input_tokens": 0} | expected
    assert Usage.model_validate(found, strict=True)


@pytest.mark.parametrize(
    ("tier", "word"), [("default", "standard"), ("priority", "priority"), ("flex", None), (None, None)]
)
def test_a_class_of_service_is_told_where_it_has_a_word(tier: str | None, word: str | None) -> None:
    assert usage_of(ChatUsage(1, 1), tier).get("service_tier") == word


@pytest.mark.parametrize(
    ("chat_id", "expected"), [("chatcmpl-1", "msg_1"), ("msg_1", "msg_1"), ("x", "msg_x"), (None, "msg_")]
)
def test_an_id_has_our_prefix(chat_id: str | None, expected: str) -> None:
    assert message_id(chat_id) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("", b"{}"),
        (" ", b"{}"),
        ("{}", b"{}"),
        ('{"b":1.0,"a":9007199254740993}', b'{"b":1.0,"a":9007199254740993}'),
        ('{"a":', b'{"INVALID_JSON":"{\\"a\\":"}'),
        ("[1]", b'{"INVALID_JSON":"[1]"}'),
    ],
    ids=["empty", "blank", "an empty object", "numbers and order", "cut", "a list"],
)
def test_arguments_are_an_object(arguments: str, expected: bytes) -> None:
    assert msgspec.json.encode(input_of(arguments)) == expected
