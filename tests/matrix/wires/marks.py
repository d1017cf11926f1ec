"""What the wires share: server-sent events, texts in pieces, and what of a scene must stand in a request."""

import json
from collections.abc import Iterator
from typing import Any

from tests.matrix.scenes import Scene


def sse(data: object, event: str = "") -> bytes:
    """One server-sent event."""
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def pieces(text: str, size: int = 5) -> Iterator[str]:
    """A text in small pieces."""
    for place in range(0, len(text), size):
        yield text[place : place + size]


def missing(scene: Scene, body: Any) -> list[str]:
    """Which texts of the scene do not stand in a request."""
    texts = set(_texts(body))
    return [f"{mark!r} is missing" for mark in scene.marks if not any(mark in text for text in texts)]


def _texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, names of members among them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, member in value.items():
            yield name
            yield from _texts(member)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
