"""The mock's answers are what a client of Anthropic's expects."""

from typing import Any

import msgspec
import pytest
from anthropic.types import Message as SdkMessage
from anthropic.types import RawMessageStreamEvent
from pydantic import TypeAdapter

from cli.mock import answers
from cli.mock.answers import Asked, Complaint, Event, Message, Telling
from cli.mock.wires.anthropic import AnthropicWire

WIRE = AnthropicWire()
ASKED = Asked(model="m", stream=True)
EVENTS: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)


def stream_of(message: Message) -> list[Event]:
    return [*WIRE.opening(ASKED, message), *WIRE.content(ASKED, message), *WIRE.ending(ASKED, message, Telling())]


def kinds_of(events: list[Event]) -> list[str]:
    return [event.name for event in events]


def test_a_whole_answer_is_a_message() -> None:
    answer = SdkMessage.model_validate_json(WIRE.whole(ASKED, Message(answers.words("a b c")), True))
    assert [block.text for block in answer.content if block.type == "text"] == ["a b c"]
    assert (answer.model, answer.stop_reason) == ("m", "end_turn")
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (answers.PROMPT_TOKENS, 3)


def test_a_whole_answer_can_call_a_tool() -> None:
    answer = SdkMessage.model_validate_json(WIRE.whole(ASKED, Message(tool="look_up", arguments='{"a":1}'), True))
    assert [(block.name, block.input) for block in answer.content if block.type == "tool_use"] == [
        ("look_up", {"a": 1})
    ]
    assert answer.stop_reason == "tool_use"


def test_a_stream_is_of_events_that_say_their_type_twice() -> None:
    events = stream_of(Message(answers.words("a b")))
    for event in events:
        if event.name != "ping":
            assert EVENTS.validate_json(event.data).type == event.name
    assert kinds_of(events) == [
        "message_start",
        "ping",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]


def test_a_streamed_call_has_its_arguments_as_text() -> None:
    events = stream_of(Message(tool="look_up", arguments='{"a":'))
    assert msgspec.json.decode(events[3].data)["delta"]["partial_json"] == '{"a":'


@pytest.mark.parametrize(
    ("telling", "kinds"),
    [
        pytest.param(Telling(has_done=False), ["content_block_stop", "message_delta"], id="without the mark"),
        pytest.param(Telling(has_finish=False), [], id="without a reason"),
    ],
)
def test_a_stream_ends_as_it_is_told(telling: Telling, kinds: list[str]) -> None:
    assert kinds_of(WIRE.ending(ASKED, Message(), telling)) == kinds


def test_usage_can_be_left_out_of_the_end() -> None:
    events = WIRE.ending(ASKED, Message(), Telling(has_usage=False))
    assert "usage" not in msgspec.json.decode(events[1].data)


@pytest.mark.parametrize(
    ("complaint", "kind"),
    [
        pytest.param(Complaint(429), "rate_limit_error", id="a limit"),
        pytest.param(Complaint(529), "overloaded_error", id="overload"),
        pytest.param(Complaint(500), "api_error", id="a server error"),
        pytest.param(Complaint(500, type="own_error"), "own_error", id="a type of its own"),
    ],
)
def test_errors_have_the_form_of_errors(complaint: Complaint, kind: str) -> None:
    error = msgspec.json.decode(WIRE.error(complaint))
    assert (error["type"], error["error"]["type"]) == ("error", kind)
    assert WIRE.error_event(complaint, "").name == "error"


def test_what_says_nothing_is_a_ping() -> None:
    assert WIRE.empty(ASKED, Message()).name == WIRE.first_empty(ASKED, Message()).name == "ping"
