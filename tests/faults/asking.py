"""One completion asked for through either face, and what the caller saw of it. Knows no fault and no expectation."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import grpc.aio
from google.rpc import error_details_pb2, status_pb2
from perpetuo.v1 import chat_pb2, completions_pb2_grpc

MODEL = "lab-model"
PROMPT = "Tell me something."


@dataclass(slots=True)
class Seen:
    """What a caller saw.

    `status` is that of HTTP, or of gRPC by name. `reason` is why it failed, empty if it did not. A stream is
    `is_complete` with its mark of the end: `[DONE]`, or gRPC's OK.
    """

    status: int | str = 0
    reason: str = ""
    text: str = ""
    finish_reasons: list[str] = field(default_factory=list)
    is_complete: bool = False
    is_in_band: bool = False
    request_id: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    attempts: int | None = None
    notes: list[str] = field(default_factory=list)
    body: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, of whom, by whom, and how long at most, in seconds. `knobs` are headers without their prefix."""

    key: str
    is_stream: bool
    timeout_s: float
    model: str = MODEL
    prompt: str = PROMPT
    max_tokens: int | None = None
    knobs: Mapping[str, str] = field(default_factory=dict)


async def ask_rest(session: aiohttp.ClientSession, url: str, question: Question) -> Seen:
    """Asks the REST face."""
    body: dict[str, Any] = {"model": question.model, "messages": [{"role": "user", "content": question.prompt}]}
    body |= {"stream": True} if question.is_stream else {}
    body |= {"max_tokens": question.max_tokens} if question.max_tokens else {}
    headers = {"authorization": f"Bearer {question.key}", "x-request-timeout": f"{question.timeout_s}"}
    headers |= {f"x-perpetuo-{name}": text for name, text in question.knobs.items()}
    seen = Seen()
    async with session.post(f"{url}/v1/chat/completions", json=body, headers=headers) as answer:
        seen.status = answer.status
        seen.headers = {name.lower(): value for name, value in answer.headers.items()}
        seen.request_id = seen.headers.get("x-request-id", "")
        if answer.content_type == "text/event-stream":
            await _read_events(answer, seen)
        else:
            seen.body = await answer.text()
            _take(json.loads(seen.body), seen)
            seen.is_complete = not seen.reason
    return seen


async def _read_events(answer: aiohttp.ClientResponse, seen: Seen) -> None:
    text = (await answer.read()).decode()
    seen.body = text
    for event in text.split("\n\n"):
        if not event.startswith("data: "):
            assert not event.strip() or event.startswith(":"), event
        elif event == "data: [DONE]":
            seen.is_complete = True
        else:
            assert not seen.is_complete, "something follows [DONE]"
            assert not seen.reason, "something follows an error"
            _take(json.loads(event[6:]), seen)
            seen.is_in_band = bool(seen.reason)


def _take(document: dict[str, Any], seen: Seen) -> None:
    """Notes what a body or an event says."""
    error = document.get("error")
    if error is not None:
        seen.reason = str(error["docs_url"]).rpartition("/")[2].upper()
        assert error["message"]
        assert error["request_id"] == seen.request_id
        return
    for choice in document["choices"]:
        part = choice.get("delta") or choice.get("message") or {}
        seen.text += part.get("content") or ""
        seen.text += "".join(call["function"].get("arguments") or "" for call in part.get("tool_calls") or ())
        if choice.get("finish_reason"):
            seen.finish_reasons.append(choice["finish_reason"])
    if (metadata := document.get("gateway_metadata")) is not None:
        seen.attempts = metadata["attempts"]
        seen.notes = metadata.get("notes", [])


async def ask_grpc(channel: grpc.aio.Channel, question: Question) -> Seen:
    """Asks the gRPC face, in its typed form."""
    request = chat_pb2.CreateChatCompletionRequest(
        model=question.model,
        messages=[chat_pb2.ChatMessage(role="user", content=chat_pb2.MessageContent(text=question.prompt))],
        max_tokens=question.max_tokens,
    )
    stub: Any = completions_pb2_grpc.CompletionsServiceStub(channel)
    knobs = [(f"x-perpetuo-{name}", text) for name, text in question.knobs.items()]
    metadata: Any = (("authorization", f"Bearer {question.key}"), *knobs)
    more: dict[str, Any] = {"metadata": metadata, "timeout": question.timeout_s}
    seen = Seen()
    if question.is_stream:
        call = stub.StreamChatCompletion(chat_pb2.StreamChatCompletionRequest(request=request), **more)
    else:
        call = stub.CreateChatCompletion(request, **more)
    try:
        if question.is_stream:
            async for chunk in call:
                _take_message(chunk, seen)
        else:
            _take_message(await call, seen)
        seen.is_complete, seen.status = True, "OK"
        told = dict(await call.initial_metadata()) | dict(await call.trailing_metadata())
        seen.request_id = str(told["x-request-id"])
    except grpc.aio.AioRpcError as error:
        seen.is_in_band = bool(seen.text)
        _take_status(error, seen)
    finally:
        call.cancel()
    return seen


def _take_message(message: Any, seen: Seen) -> None:
    for choice in message.choices:
        part = choice.delta if hasattr(choice, "delta") else choice.message
        content = part.content
        seen.text += content if isinstance(content, str) else content.text
        seen.text += "".join(call.function.arguments for call in part.tool_calls)
        if choice.finish_reason:
            seen.finish_reasons.append(choice.finish_reason)
    if message.HasField("gateway_metadata"):
        seen.attempts = message.gateway_metadata.attempts
        seen.notes = list(message.gateway_metadata.notes)


def _take_status(error: grpc.aio.AioRpcError, seen: Seen) -> None:
    seen.status = error.code().name
    seen.body = str(error.details())
    trailing: dict[str, Any] = dict(error.trailing_metadata() or ())
    seen.headers = {key: value for key, value in trailing.items() if isinstance(value, str)}
    seen.reason = error.code().name
    if "grpc-status-details-bin" not in trailing:
        return
    info, about = error_details_pb2.ErrorInfo(), error_details_pb2.RequestInfo()
    for detail in status_pb2.Status.FromString(bytes(trailing["grpc-status-details-bin"])).details:
        if detail.Unpack(info):
            seen.reason = info.reason
        elif detail.Unpack(about):
            seen.request_id = about.request_id
