"""A chat completion as a response, judged by the SDK's own types."""

import json
from typing import Any

import pytest
from openai.types.responses import Response

from server.errors import UpstreamBadResponse
from server.ingress.carried import unpack
from server.ingress.responses.answer import response_from
from server.ingress.responses.frame import Frame
from tests.unit.server.ingress.messages.bodies import completion
from tests.unit.server.ingress.responses.bodies import read

THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "now", "arguments": '{"zone":"UTC"}'}}
CALLED = {"type": "function_call", "id": "fc_1_0", "status": "completed", "arguments": '{"zone":"UTC"}',
          "call_id": "call_1", "name": "now"}  # fmt: skip
LOGPROB = {"token": "Hi", "logprob": -0.5, "bytes": None, "top_logprobs": [{"token": "Hi", "logprob": -0.5}]}


def answered(message: dict[str, Any], finish_reason: str = "stop", **members: Any) -> dict[str, Any]:
    text = response_from(completion(message, finish_reason, **members), read(), Frame("resp_1", {}))
    found: dict[str, Any] = json.loads(text)
    Response.model_validate(found)
    return found


def text(value: str, place: int = 0) -> dict[str, Any]:
    content = [{"type": "output_text", "text": value, "annotations": []}]
    return {"type": "message", "id": f"msg_1_{place}", "status": "completed", "role": "assistant", "content": content}


def test_a_response_tells_how_it_was_got() -> None:
    found = answered({"content": "Hi"}, gateway_metadata={"attempts": 1}, service_tier="flex")
    assert (found["id"], found["object"], found["status"], found["created_at"]) == (
        "resp_1",
        "response",
        "completed",
        1,
    )
    assert (found["model"], found["service_tier"], found["gateway_metadata"]) == ("gpt-4o", "flex", {"attempts": 1})
    assert found["usage"]["total_tokens"] == 10
    assert found["output"] == [text("Hi")]


OUTPUTS: list[tuple[str, dict[str, Any], list[dict[str, Any]]]] = [
    ("nothing", {"content": None}, []),
    ("a call", {"content": None, "tool_calls": [CALL]}, [CALLED]),
    ("a text and a call", {"content": "Hi", "tool_calls": [CALL]}, [text("Hi"), {**CALLED, "id": "fc_1_1"}]),
    ("reasoning and a text", {"content": "Hi", "reasoning_content": "Hm."},
     [{"type": "reasoning", "id": "rs_1_0", "summary": [{"type": "summary_text", "text": "Hm."}]}, text("Hi", 1)]),
    ("a custom call", {"tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "sql", "input": "SELECT"}}]},
     [{"type": "custom_tool_call", "id": "ctc_1_0", "input": "SELECT", "call_id": "c", "name": "sql"}]),
    ("a call without an id", {"tool_calls": [{"function": {"name": "now"}}]},
     [{**CALLED, "call_id": "call_1_0", "arguments": ""}]),
    ("a vendor's extra of a call", {"tool_calls": [{**CALL, "extra_content": {"a": 1}}]},
     [{**CALLED, "extra_content": {"a": 1}}]),
]  # fmt: skip


@pytest.mark.parametrize(("message", "output"), [case[1:] for case in OUTPUTS], ids=[case[0] for case in OUTPUTS])
def test_what_is_said_stands_in_items(message: dict[str, Any], output: list[dict[str, Any]]) -> None:
    assert answered(message)["output"] == output


def test_a_refusal_is_a_part() -> None:
    [item] = answered({"content": "Well", "refusal": "No."})["output"]
    assert [part["type"] for part in item["content"]] == ["output_text", "refusal"]


def test_what_is_signed_is_carried() -> None:
    items = [{"type": "reasoning", "id": "rs_9", "encrypted_content": "x"}]
    found = answered({"content": "Hi", "thinking_blocks": [THOUGHT], "reasoning_items": items})["output"][0]
    assert found["summary"] == []
    carried = unpack(found["encrypted_content"])
    assert carried is not None
    assert json.loads(bytes(carried.thinking_blocks[0])) == THOUGHT
    assert json.loads(bytes(carried.reasoning_items[0])) == items[0]


def test_citations_and_log_probabilities_stay_with_the_text() -> None:
    cited = {"type": "url_citation", "url_citation": {"url": "u", "title": "t", "start_index": 0, "end_index": 2}}
    message = {"role": "assistant", "content": "Hi", "annotations": [cited]}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": {"content": [LOGPROB]}}
    [part] = answered({}, choices=[choice])["output"][0]["content"]
    assert part["annotations"] == [{"type": "url_citation", **cited["url_citation"]}]  # type: ignore[dict-item]
    assert part["logprobs"][0]["bytes"] == part["logprobs"][0]["top_logprobs"][0]["bytes"] == []


@pytest.mark.parametrize(("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
def test_what_ended_early_is_incomplete(finish: str, reason: str) -> None:
    found = answered({"content": "Hi"}, finish)
    assert (found["status"], found["incomplete_details"]) == ("incomplete", {"reason": reason})
    assert found["output"][0]["status"] == "incomplete"


def test_tokens_that_nobody_counted_are_estimated() -> None:
    usage = answered({"content": "Hi"}, usage=None)["usage"]
    assert usage["input_tokens"] > 0
    assert usage["output_tokens"] > 0


def test_what_the_provider_said_in_this_form_is_the_response() -> None:
    said = {"id": "resp_9", "object": "response", "output": [{"type": "x"}], "new": 1.0}
    body = json.loads(completion({"content": "Hi"})) | {"native": said, "gateway_metadata": {"attempts": 1}}
    found = response_from(json.dumps(body).encode(), read(), Frame("resp_1", {}))
    assert json.loads(found) == {**said, "gateway_metadata": {"attempts": 1}}


@pytest.mark.parametrize("answer", [b"{", b"[]"])
def test_what_is_no_chat_completion_is_the_providers_fault(answer: bytes) -> None:
    with pytest.raises(UpstreamBadResponse):
        response_from(answer, read(), Frame("resp_1", {}))
