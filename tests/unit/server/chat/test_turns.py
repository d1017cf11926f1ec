"""Conversations in turns that alternate."""

import json

import pytest

from server.chat.request import parse_chat_request
from server.chat.turns import Conversation, read_conversation
from server.errors import RequestInvalid


def conversation(*messages: dict[str, object]) -> Conversation:
    return read_conversation(parse_chat_request(json.dumps({"messages": messages}).encode()).view)


def said(role: str, **more: object) -> dict[str, object]:
    return {"role": role, "content": "x", **more}


def shape(read: Conversation) -> list[tuple[bool, list[int]]]:
    return [(turn.is_assistant, [message.index for message in turn.said]) for turn in read.turns]


CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CUSTOM = {"id": "2", "type": "custom", "custom": {"name": "g", "input": "free"}}


def test_neighbours_of_one_side_make_one_turn() -> None:
    read = conversation(said("user"), said("user"), said("assistant"), said("assistant"), said("user"))
    assert shape(read) == [(False, [0, 1]), (True, [2, 3]), (False, [4])]


def test_the_system_prompt_is_apart_and_what_came_late_is_known() -> None:
    read = conversation(said("system"), said("user"), said("developer"), said("assistant"), said("system"))
    assert [message.index for message in read.system] == [0, 2, 4]
    assert [message.index for message in read.late_system] == [2, 4]
    assert shape(read) == [(False, [1]), (True, [3])]


def test_a_system_message_in_between_does_not_part_a_turn() -> None:
    assert shape(conversation(said("user"), said("system"), said("user"))) == [(False, [0, 2])]


def test_results_belong_to_the_user_and_know_their_call() -> None:
    read = conversation(
        said("user"),
        said("assistant", tool_calls=[CALL, CUSTOM]),
        said("tool", tool_call_id="2"),
        said("tool", tool_call_id="1"),
        said("user"),
    )
    assert shape(read) == [(False, [0]), (True, [1]), (False, [2, 3, 4])]
    assert [message.answers for message in read.turns[2].said] == ["2", "1", None]
    first, second = read.turns[1].calls
    assert (first.id, first.name, first.arguments, first.is_custom) == ("1", "f", "{}", False)
    assert (second.id, second.name, second.arguments, second.is_custom) == ("2", "g", "free", True)
    assert (first.path, second.path) == ("messages[1].tool_calls[0]", "messages[1].tool_calls[1]")


def test_older_calls_get_ids_that_their_results_share() -> None:
    older = said("assistant", function_call={"name": "f", "arguments": "{}"})
    read = conversation(said("user"), older, said("function", name="f"), older, said("function", name="f"))
    assert [call.id for turn in read.turns for call in turn.calls] == ["function_1", "function_3"]
    assert [message.answers for turn in read.turns for message in turn.said if message.answers] == [
        "function_1",
        "function_3",
    ]


BROKEN: dict[str, tuple[list[dict[str, object]], str]] = {
    "a call without its result": ([said("assistant", tool_calls=[CALL]), said("user")], "messages[0].tool_calls[0].id"),
    "a call at the end": ([said("assistant", tool_calls=[CALL])], "messages[0].tool_calls[0].id"),
    "a result at the beginning": ([said("tool", tool_call_id="1")], "messages[0].tool_call_id"),
    "a result of another call": (
        [said("assistant", tool_calls=[CALL]), said("tool", tool_call_id="1"), said("tool", tool_call_id="7")],
        "messages[2].tool_call_id",
    ),
    "a result that comes too late": (
        [said("assistant", tool_calls=[CALL]), said("user"), said("assistant"), said("tool", tool_call_id="1")],
        "messages[0].tool_calls[0].id",
    ),
}


@pytest.mark.parametrize(("messages", "param"), BROKEN.values(), ids=BROKEN.keys())
def test_calls_and_results_must_meet(messages: list[dict[str, object]], param: str) -> None:
    with pytest.raises(RequestInvalid) as caught:
        conversation(*messages)
    assert caught.value.param == param
