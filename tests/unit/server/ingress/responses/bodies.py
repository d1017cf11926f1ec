"""Requests and answers that the tests of the Responses face begin with."""

import json
from typing import Any

from server.chat.request import ChatRequest
from server.ingress.responses.request import read_response

HELLO: list[dict[str, Any]] = [{"role": "user", "content": "Hi"}]
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}}
WEATHER: dict[str, Any] = {"type": "function", "name": "get_weather", "description": "Tells.", "parameters": SCHEMA}


def body(**members: Any) -> bytes:
    """A request with these members beside those that it must have; `...` leaves one out."""
    sent = {"model": "m", "input": "Hi", **members}
    return json.dumps({name: value for name, value in sent.items() if value is not ...}).encode()


def read(*, stream: bool = False, **members: Any) -> ChatRequest:
    """The chat request that such a request is."""
    return read_response(body(**members), stream=stream)[0]


def chat(**members: Any) -> dict[str, Any]:
    """The JSON of it."""
    found: dict[str, Any] = json.loads(read(**members).body)
    return found


def messages(*items: dict[str, Any]) -> list[dict[str, Any]]:
    """The chat messages that items are."""
    found: list[dict[str, Any]] = chat(input=list(items))["messages"]
    return found
