"""One streamed message asked for through Anthropic's face, and what the caller saw of it."""

import json
from typing import Any

import aiohttp

from tests.faults.asking import Question, Seen


async def ask_messages(session: aiohttp.ClientSession, url: str, question: Question) -> Seen:
    """Asks `POST /v1/messages`. A stream is complete with `message_stop`."""
    body: dict[str, Any] = {
        "model": question.model,
        "max_tokens": question.max_tokens or 1000,
        "messages": [{"role": "user", "content": question.prompt}],
        "stream": question.is_stream,
    }
    headers = {"x-api-key": question.key, "x-request-timeout": f"{question.timeout_s}"}
    seen = Seen()
    async with session.post(f"{url}/v1/messages", json=body, headers=headers) as answer:
        seen.status = answer.status
        seen.request_id = answer.headers.get("x-request-id", "")
        seen.body = (await answer.read()).decode()
        if answer.content_type == "text/event-stream":
            for event in seen.body.split("\n\n"):
                _take_event(event, seen)
        else:
            _take_whole(json.loads(seen.body), seen)
    return seen


def _take_event(event: str, seen: Seen) -> None:
    named = [line for line in event.split("\n") if line and not line.startswith(":")]
    if not named:
        return
    assert not seen.is_complete, "something follows message_stop"
    assert not seen.reason, "something follows an error"
    name, data = named
    document = json.loads(data.removeprefix("data: "))
    assert name == f"event: {document['type']}"
    if document["type"] == "error":
        seen.is_in_band = True
        _take_whole(document, seen)
    elif document["type"] == "content_block_delta":
        seen.text += document["delta"].get("text", "")
    elif document["type"] == "message_delta" and document["delta"].get("stop_reason"):
        seen.finish_reasons.append(document["delta"]["stop_reason"])
    seen.is_complete = document["type"] == "message_stop"


def _take_whole(document: dict[str, Any], seen: Seen) -> None:
    if document["type"] == "error":
        seen.reason = str(document["error"]["type"]).upper()
        assert document["error"]["message"]
        assert document["request_id"] == seen.request_id
        return
    seen.text = "".join(block.get("text", "") for block in document["content"])
    seen.finish_reasons.append(document["stop_reason"])
    seen.is_complete = True
