"""What is kept of a response: as the history of the next one, and as a list of the items that it answered."""

from typing import Any, Final, Literal

import msgspec
from msgspec import Raw

from server.errors import RequestInvalid

Members = dict[str, Any]
Order = Literal["asc", "desc"]

DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 100

_ITEMS: Final = msgspec.json.Decoder(list[Raw])
_MEMBERS: Final = msgspec.json.Decoder(dict[str, Raw])
_PREFIXES: Final = {
    "message": "msg",
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "custom_tool_call_output": "ctco",
    "reasoning": "rs",
}


class _Response(msgspec.Struct, gc=False):
    output: list[Raw] = []


_RESPONSE: Final = msgspec.json.Decoder(_Response)


def history_of(items: bytes, response: bytes) -> list[Raw]:
    """The conversation up to the end of a kept response: what it answered, and what it said."""
    return [*_ITEMS.decode(items), *_RESPONSE.decode(response).output]


def listed(items: bytes, response_id: str) -> list[Members]:
    """The items that a kept response answered, in order, each with an id and in its long form."""
    return [_listed(raw, response_id, place) for place, raw in enumerate(_ITEMS.decode(items))]


def page_of(items: list[Members], limit: int, order: str, after: str) -> Members:
    """A page of items as OpenAI lists them. Raises RequestInvalid for a limit, an order or an id that is none.

    `limit` 0 and an empty `order` and `after` are those that were not given.
    """
    if not 0 <= limit <= MAX_LIMIT:
        raise RequestInvalid(f"'limit' must be from 1 to {MAX_LIMIT}, but is {limit}.", param="limit")
    if order not in ("", "asc", "desc"):
        raise RequestInvalid(f"'order' must be 'asc' or 'desc', but is {order[:40]!r}.", param="order")
    ordered = items if order == "asc" else items[::-1]
    start = 0
    if after:
        places = [place for place, item in enumerate(ordered) if item["id"] == after]
        if not places:
            raise RequestInvalid(f"'after' names no item of this response: {after[:100]!r}.", param="after")
        start = places[0] + 1
    page = ordered[start : start + (limit or DEFAULT_LIMIT)]
    return {
        "data": page,
        "first_id": page[0]["id"] if page else "",
        "last_id": page[-1]["id"] if page else "",
        "has_more": len(ordered) > start + len(page),
    }


def _listed(raw: Raw, response_id: str, place: int) -> Members:
    members: Members = {name: msgspec.json.decode(value) for name, value in _MEMBERS.decode(raw).items()}
    kind = members.setdefault("type", "message")
    if not isinstance(members.get("id"), str) or not members["id"]:
        members["id"] = f"{_PREFIXES.get(kind, 'item')}_{response_id.removeprefix('resp_')}_in{place}"
    if kind == "message" and isinstance(members.get("content"), str):
        part = "output_text" if members.get("role") == "assistant" else "input_text"
        text: Members = {"type": part, "text": members["content"]}
        members["content"] = [{**text, "annotations": []} if part == "output_text" else text]
    if kind in _PREFIXES and kind != "reasoning":
        members.setdefault("status", "completed")
    return members
