"""Messages for Mistral, which refuses members that it does not know.

Ids of calls are nine letters and digits; others become such, the same for the same. A last message of the assistant is
one that the model goes on with. Pure.
"""

import hashlib
import re
import string
from typing import Final, TypeAlias

import msgspec
from msgspec import Raw, Struct

from server.chat.request import ChatRequest

Members: TypeAlias = dict[str, Raw]

ID_CHARS: Final = 9

_ALPHABET: Final = string.digits + string.ascii_letters
_ID: Final = re.compile(r"[A-Za-z0-9]{9}\Z")
_ENCODER: Final = msgspec.json.Encoder()
_MEMBERS: Final = msgspec.json.Decoder(Members)
_LIST: Final = msgspec.json.Decoder(list[Raw])
_TEXT: Final = msgspec.json.Decoder(str)
_NOTHING: Final = (None, Raw(b"null"), Raw(b"[]"), Raw(b'""'))
_KNOWN: Final = {
    "assistant": frozenset({"role", "content", "tool_calls", "prefix"}),
    "tool": frozenset({"role", "content", "tool_call_id", "name"}),
}
_USUAL: Final = frozenset({"role", "content"})
_OF_CALLS: Final = frozenset({"id", "type", "function", "index"})
_FOREIGN: Final = "extra_content is not sent: only the provider that wrote it takes it back."


class _Own(Struct):
    content: Raw = Raw(b"null")


class _Extra(Struct):
    mistral: _Own | None = None


class _File(Struct):
    file_id: str | None = None
    file_data: str | None = None
    filename: str | None = None


class _Sound(Struct):
    data: str = ""


_EXTRA: Final = msgspec.json.Decoder(_Extra | None)


def call_id_of(call_id: str) -> str:
    """The id of a call as Mistral takes it: the same if it fits, else one that stands for it alone."""
    if _ID.match(call_id):
        return call_id
    number = int.from_bytes(hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).digest(), "big")
    made = ""
    for _ in range(ID_CHARS):
        number, place = divmod(number, len(_ALPHABET))
        made += _ALPHABET[place]
    return made


def messages_for(request: ChatRequest, raw: Raw) -> Raw:
    """The messages, each with the members that Mistral knows, and in its words."""
    messages = [_message(request, _MEMBERS.decode(message), place) for place, message in enumerate(_LIST.decode(raw))]
    last = messages[-1]
    if last["role"] == Raw(b'"assistant"') and last.get("tool_calls") in _NOTHING:
        last["prefix"] = Raw(b"true")
    return Raw(_ENCODER.encode(messages))


def _message(request: ChatRequest, members: Members, place: int) -> Members:
    role = _TEXT.decode(members["role"])
    if role == "assistant":
        _assistant(request, members)
    elif role == "tool" and "tool_call_id" in members:
        members["tool_call_id"] = _mapped(members["tool_call_id"])
    if bytes(members.get("content", b"")).startswith(b"["):
        members["content"] = _parts(request, _LIST.decode(members["content"]))
    known = _KNOWN.get(role, _USUAL)
    for name in [name for name in members if name not in known]:
        if members.pop(name) not in _NOTHING:
            request.lose(f"messages[{place}].{name}", "is not sent: the provider knows no such member.")
    return members


def _assistant(request: ChatRequest, members: Members) -> None:
    extra = members.pop("extra_content", None)
    own = _own(extra)
    if own is not None:
        members["content"] = own
    elif extra not in _NOTHING:
        request.tell(_FOREIGN)
    if members.pop("reasoning_content", None) not in _NOTHING and own is None:
        request.tell("reasoning_content is not sent: only the provider's own thoughts go back, from extra_content.")
    refusal = members.pop("refusal", None)
    if refusal not in _NOTHING and members.get("content") in _NOTHING:
        members["content"] = refusal or Raw(b'""')
    for name in ("annotations", "audio"):
        if members.pop(name, None) not in _NOTHING:
            request.tell(f"{name} of earlier answers are not sent: the provider knows no such member.")
    if members.get("tool_calls") not in _NOTHING:
        calls = [_call(request, _MEMBERS.decode(call)) for call in _LIST.decode(members["tool_calls"])]
        members["tool_calls"] = Raw(_ENCODER.encode(calls))


def _own(extra: Raw | None) -> Raw | None:
    """The chunks of an earlier answer of Mistral's, as they came."""
    try:
        found = None if extra is None else _EXTRA.decode(extra)
    except msgspec.DecodeError:
        return None
    is_own = found is not None and found.mistral is not None and bytes(found.mistral.content).startswith(b"[")
    return found.mistral.content if is_own and found and found.mistral else None


def _call(request: ChatRequest, call: Members) -> Members:
    if call.get("extra_content") not in _NOTHING:
        request.tell(_FOREIGN)
    made = {name: value for name, value in call.items() if name in _OF_CALLS}
    if "id" in made:
        made["id"] = _mapped(made["id"])
    function = _MEMBERS.decode(made["function"]) if "function" in made else {}
    if function.get("arguments") == Raw(b'""'):
        made["function"] = Raw(_ENCODER.encode({**function, "arguments": "{}"}))
    return made


def _mapped(raw: Raw) -> Raw:
    return Raw(_ENCODER.encode(call_id_of(_TEXT.decode(raw)))) if bytes(raw).startswith(b'"') else raw


def _parts(request: ChatRequest, parts: list[Raw]) -> Raw:
    made: list[Raw | dict[str, object]] = []
    for raw in parts:
        part = _MEMBERS.decode(raw)
        kind = part.get("type")
        if part.pop("extra_content", None) is not None:
            request.tell(_FOREIGN)
        if kind == Raw(b'"file"') and "file" in part:
            made.append(_file(msgspec.json.decode(part["file"], type=_File)))
        elif kind == Raw(b'"input_audio"') and bytes(part.get("input_audio", b"")).startswith(b"{"):
            sound = msgspec.json.decode(part["input_audio"], type=_Sound)
            made.append({"type": "input_audio", "input_audio": sound.data})
        else:
            made.append(Raw(_ENCODER.encode(part)))
    return Raw(_ENCODER.encode(made))


def _file(file: _File) -> dict[str, object]:
    """A file by its id, or a document with its data."""
    if file.file_data is None:
        return {"type": "file", "file_id": file.file_id or ""}
    made: dict[str, object] = {"type": "document_url", "document_url": file.file_data}
    if file.filename:
        made["document_name"] = file.filename
    return made
