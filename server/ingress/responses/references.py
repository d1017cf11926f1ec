"""References to items of kept responses (`item_reference`): whose they may be, and the items in their place.

Ids of items are made here of their response's and their place in it, so that an id leads to the response. Pure: what is
kept is looked up elsewhere.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Raw

from server.chat.scan import check_shape
from server.errors import RequestInvalid
from server.ingress.responses.kept import listed

_KIND: Final = "item_reference"
_ID_CHARS: Final = 26
_MEMBERS: Final = msgspec.json.Decoder(dict[str, Raw])
_ITEMS: Final = msgspec.json.Decoder(list[Raw])


class _Named(msgspec.Struct, gc=False):
    type: str = ""
    id: str = ""


class _Output(msgspec.Struct, gc=False):
    output: list[Raw] = []


_NAMED: Final = msgspec.json.Decoder(_Named)
_OUTPUT: Final = msgspec.json.Decoder(_Output)


def references(body: bytes) -> list[str]:
    """The ids of the items that a request refers to; none where it cannot be read, which is told when it is."""
    if _KIND.encode() not in body:
        return []
    try:
        check_shape(body)
        items = _ITEMS.decode(_MEMBERS.decode(body)["input"])
        return list(dict.fromkeys(item_id for raw in items if (item_id := _referred(raw))))
    except (RequestInvalid, msgspec.MsgspecError, UnicodeDecodeError, KeyError):
        return []


def response_of(item_id: str) -> str:
    """The id of the response that an item is of, empty for an id that was not made here."""
    parts = item_id.split("_")
    return f"resp_{parts[-2]}" if len(parts) > 2 and len(parts[-2]) == _ID_CHARS else ""


def items_of(response_id: str, items: bytes, response: bytes) -> dict[str, Raw]:
    """The items of a kept response by their ids: what it answered, and what it said."""
    found = {str(item["id"]): Raw(msgspec.json.encode(item)) for item in listed(items, response_id)}
    return found | {_NAMED.decode(raw).id: raw for raw in _OUTPUT.decode(response).output}


def with_items(body: bytes, found: Mapping[str, Raw]) -> bytes:
    """The request with the items that were found in the place of their references."""
    members = _MEMBERS.decode(body)
    items = [found.get(_referred(raw), raw) for raw in _ITEMS.decode(members["input"])]
    return msgspec.json.encode({**members, "input": items})


def _referred(raw: Raw) -> str:
    """The id that an item refers to, empty for any other item."""
    try:
        named = _NAMED.decode(raw)
    except msgspec.ValidationError:
        return ""
    return named.id if named.type == _KIND else ""
