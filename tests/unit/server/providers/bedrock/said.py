"""Bedrock's answers, whole and as streams, for tests; each is held against the vendor's own description of its API."""

import json
from dataclasses import dataclass
from typing import Any

from tests.unit.server.providers.bedrock.schema import faults, shape_of

Json = dict[str, Any]
USAGE: Json = {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}


@dataclass(frozen=True, slots=True)
class Sent:
    """A message of an event stream, cut out."""

    data: bytes
    event: str


def converse(*content: Json, stop: str = "end_turn", **more: Any) -> Json:
    made = {
        "output": {"message": {"role": "assistant", "content": list(content)}},
        "stopReason": stop,
        "usage": USAGE,
        "metrics": {"latencyMs": 1},
        **more,
    }
    assert faults(made, shape_of("Converse", is_output=True)) == ""
    return made


def event(kind: str, **members: Any) -> Sent:
    assert faults(members, shape_of("ConverseStream", "stream", kind, is_output=True)) == ""
    return Sent(json.dumps(members).encode(), kind)


def started() -> Sent:
    return event("messageStart", role="assistant")


def delta(index: int = 0, **what: Any) -> Sent:
    return event("contentBlockDelta", contentBlockIndex=index, delta=what)


def stopped(index: int = 0) -> Sent:
    return event("contentBlockStop", contentBlockIndex=index)


def tool(index: int, name: str = "f", use_id: str = "t1") -> Sent:
    return event("contentBlockStart", contentBlockIndex=index, start={"toolUse": {"toolUseId": use_id, "name": name}})


def ended(reason: str = "end_turn", **metadata: Any) -> list[Sent]:
    return [
        event("messageStop", stopReason=reason),
        event("metadata", usage=USAGE, metrics={"latencyMs": 1}, **metadata),
    ]
