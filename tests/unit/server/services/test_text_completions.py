"""TextCompletionsService over the in-process channel: both forms agree."""

import json
from typing import Any

import grpc.aio
import pytest
from google.api import httpbody_pb2
from perpetuo.v1 import chat_pb2, text_completions_pb2_grpc
from perpetuo.v1 import text_completions_pb2 as texts

from tests.unit.server.services.calls import DEMO, refused

TYPED = texts.CreateTextCompletionRequest(
    model="demo/echo", prompt=chat_pb2.StringOrList(text="one two"), max_tokens=50, echo=True
)
BODY: dict[str, Any] = {"model": "demo/echo", "prompt": "one two", "max_tokens": 50, "echo": True}


def raw(**change: object) -> httpbody_pb2.HttpBody:
    return httpbody_pb2.HttpBody(data=json.dumps({**BODY, **change}).encode())


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> "text_completions_pb2_grpc.TextCompletionsServiceAsyncStub":
    return text_completions_pb2_grpc.TextCompletionsServiceStub(channel)


async def test_the_typed_and_the_raw_form_give_the_same_text(
    stub: "text_completions_pb2_grpc.TextCompletionsServiceAsyncStub",
) -> None:
    typed = await stub.CreateTextCompletion(TYPED, metadata=DEMO)
    answer = await stub.CreateRawTextCompletion(texts.CreateRawTextCompletionRequest(body=raw()), metadata=DEMO)
    as_json = json.loads(answer.body.data)
    assert typed.choices[0].text == as_json["choices"][0]["text"] == "one twoone two"
    assert typed.object == as_json["object"] == "text_completion"
    assert typed.usage.total_tokens == as_json["usage"]["total_tokens"]
    assert typed.gateway_metadata.routed_to == "echo"


async def test_both_forms_stream_the_same_pieces(
    stub: "text_completions_pb2_grpc.TextCompletionsServiceAsyncStub",
) -> None:
    call = stub.StreamTextCompletion(texts.StreamTextCompletionRequest(request=TYPED), metadata=DEMO)
    typed = [choice.text for piece in [one async for one in call] for choice in piece.choices]
    streamed = stub.StreamRawTextCompletion(texts.StreamRawTextCompletionRequest(body=raw()), metadata=DEMO)
    events = [json.loads(event) async for message in streamed for event in message.events]
    assert [choice["text"] for event in events for choice in event["choices"]] == typed
    assert "".join(typed) == "one twoone two"
    assert len({event["id"] for event in events}) == 1


async def test_what_is_wrong_is_named(stub: "text_completions_pb2_grpc.TextCompletionsServiceAsyncStub") -> None:
    wrong = texts.CreateRawTextCompletionRequest(body=raw(prompt=[1, 2]))
    assert await refused(stub.CreateRawTextCompletion(wrong, metadata=DEMO)) == ("PARAM_UNSUPPORTED", "prompt")
