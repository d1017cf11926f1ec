"""The mock's answers are what a client of Gemini's expects."""

import msgspec
import pytest
from google.genai import types

from cli.mock import answers
from cli.mock.answers import Asked, Complaint, Event, Message, Telling
from cli.mock.wires.google import GoogleWire

WIRE = GoogleWire()
ASKED = Asked(model="m", stream=True)


def read(event: Event) -> types.GenerateContentResponse:
    return types.GenerateContentResponse.model_validate_json(event.data)


def test_a_whole_answer_has_one_candidate_with_its_reason_and_the_usage() -> None:
    answer = read(Event(WIRE.whole(ASKED, Message(answers.words("a b c")), True)))
    assert answer.text == "a b c"
    assert answer.candidates is not None
    assert answer.candidates[0].finish_reason is types.FinishReason.STOP
    assert answer.usage_metadata is not None
    assert answer.usage_metadata.total_token_count == answers.PROMPT_TOKENS + 3


def test_a_call_comes_in_one_piece() -> None:
    [event] = WIRE.content(ASKED, Message(tool="look_up", arguments='{"a":1}'))
    [call] = read(event).function_calls or []
    assert (call.name, call.args) == ("look_up", {"a": 1})


def test_a_stream_has_a_piece_of_text_in_each_event_and_the_reason_in_the_last() -> None:
    message = Message(answers.words("a b"), finish="length")
    events = [
        *WIRE.opening(ASKED, message),
        *WIRE.content(ASKED, message),
        *WIRE.ending(ASKED, message, Telling()),
    ]
    assert [read(event).text for event in events] == ["a", " b", ""]
    last = read(events[-1])
    assert last.candidates is not None
    assert last.candidates[0].finish_reason is types.FinishReason.MAX_TOKENS
    assert last.usage_metadata is not None


def test_a_stream_ends_as_it_is_told() -> None:
    assert WIRE.ending(ASKED, Message(), Telling(has_finish=False)) == []
    [event] = WIRE.ending(ASKED, Message(), Telling(has_usage=False))
    assert read(event).usage_metadata is None
    assert WIRE.done() == []


@pytest.mark.parametrize(
    ("complaint", "status"),
    [
        pytest.param(Complaint(429), "RESOURCE_EXHAUSTED", id="a limit"),
        pytest.param(Complaint(500), "INTERNAL", id="a server error"),
        pytest.param(Complaint(500, code="data_loss"), "DATA_LOSS", id="a status of its own"),
    ],
)
def test_errors_have_the_form_of_errors(complaint: Complaint, status: str) -> None:
    error = msgspec.json.decode(WIRE.error(complaint))["error"]
    assert (error["code"], error["status"]) == (complaint.status, status)
    assert WIRE.error_event(complaint, "").data == WIRE.error(complaint)


def test_events_that_say_nothing_have_no_part_or_no_candidate() -> None:
    assert read(WIRE.empty(ASKED, Message())).parts == []
    assert read(WIRE.first_empty(ASKED, Message())).candidates is None
