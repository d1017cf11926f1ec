"""Messages for a vendor that speaks OpenAI's dialect: what it does not take is left out or written in its way.

Only messages that must change are written anew, member by member; all others stay byte for byte as they came. What was
left out or written otherwise is told in notes.
"""

from collections.abc import Iterable
from typing import Final, TypeAlias

import msgspec
from msgspec import UNSET, Raw

from server.chat.request import ChatRequest
from server.chat.view import Message, Part
from server.errors import ParamUnsupported
from server.providers.openai.documents import file_of
from server.providers.openai.vendor import Vendor

Members: TypeAlias = dict[str, Raw]

_ENCODER: Final = msgspec.json.Encoder()
_MEMBERS: Final = msgspec.json.Decoder(Members)
_LIST: Final = msgspec.json.Decoder(list[Raw])
_TEXT: Final = msgspec.json.Decoder(str)
_SIGNED: Final = ("thinking_blocks", "reasoning_items", "reasoning_details")
UNMARKED: Final = "cache_control is not sent: the provider takes no marks of the prompt cache."
_NOT_TAKEN: Final = "is not sent: the provider does not take it."
_PLAIN: Final = frozenset({"user", "system"})
_IN_TOOL_RESULTS: Final = ("text",)


def adapted_messages(vendor: Vendor, request: ChatRequest) -> Raw | None:
    """The messages as the vendor takes them; None when they can stay as they are."""
    messages = request.view.messages
    odd: list[int] = []
    for index, message in enumerate(messages):
        is_plain = message.role in _PLAIN and message.cache_control is UNSET and message.name is UNSET
        if not (is_plain and message.content.__class__ is str) and _is_odd(message, vendor):
            odd.append(index)
    back = vendor.reasoning_back
    needs_reasoning = back == "with_calls" and any(message.tool_calls for message in messages)
    if needs_reasoning:
        odd = sorted({*odd, *(index for index, message in enumerate(messages) if message.role == "assistant")})
    if not odd:
        return None
    written = _Writer(vendor, request, needs_reasoning or back == "always")
    raw = _LIST.decode(request.members["messages"])
    made: list[Raw | Members] = []
    carried: list[Raw] = []
    changed = frozenset(odd)
    for index, message in enumerate(messages):
        if carried and message.role != "tool":
            made.append(_carrier(carried))
            carried = []
        made.append(written.message(index, raw[index], carried) if index in changed else raw[index])
    if carried:
        made.append(_carrier(carried))
    return Raw(_ENCODER.encode(made))


def _is_odd(message: Message, vendor: Vendor) -> bool:
    """Whether a message may have to change; true for some that need not."""
    role = message.role
    if message.cache_control is not UNSET or (message.content.__class__ is list and _has_odd_part(message, vendor)):
        return True
    if message.name is not UNSET and not vendor.takes_names:
        return True
    if role == "assistant":
        return bool(
            message.reasoning_content is not UNSET
            or message.thinking_blocks is not UNSET
            or message.reasoning_items is not UNSET
            or (message.reasoning_details is not UNSET and "reasoning_details" not in vendor.takes)
            or message.extra_content is not UNSET
            or any(call.extra_content is not UNSET for call in message.tool_calls or ())
        )
    if role == "tool":
        return message.is_error is not UNSET
    return role == "developer" and vendor.developer != role


def _has_odd_part(message: Message, vendor: Vendor) -> bool:
    parts = message.content
    assert isinstance(parts, list)
    taken = _IN_TOOL_RESULTS if message.role == "tool" else vendor.parts
    return any(
        part.type not in taken or part.cache_control is not UNSET or part.extra_content is not UNSET for part in parts
    )


def _carrier(parts: list[Raw]) -> Members:
    """A user's message that brings what the results of tools cannot hold."""
    return {"role": Raw(b'"user"'), "content": Raw(_ENCODER.encode(parts))}


class _Writer:
    """Writes messages anew, and notes what it left out."""

    def __init__(self, vendor: Vendor, request: ChatRequest, sends_reasoning: bool) -> None:
        self._vendor = vendor
        self._sends_reasoning = sends_reasoning
        self._request = request

    def message(self, index: int, raw: Raw, carried: list[Raw]) -> Members:
        """The message at `index`; what a tool's message cannot hold goes to `carried`."""
        vendor, view = self._vendor, self._request.view.messages[index]
        members = _MEMBERS.decode(raw)
        if "cache_control" not in vendor.takes and members.pop("cache_control", None) is not None:
            self._request.tell(UNMARKED)
        if not vendor.takes_names:
            self._drop(members, "name")
        if view.role == "developer" and vendor.developer != view.role:
            members["role"] = Raw(_ENCODER.encode(vendor.developer))
        if view.role == "assistant":
            self._reasoning(members, view)
            self._signatures(members, view)
        elif view.role == "tool":
            self._drop(members, "is_error")
        if isinstance(view.content, list):
            parts = self._parts(_LIST.decode(members["content"]), view.content, f"messages[{index}].content")
            members["content"] = self._content(parts, view, carried)
        return members

    def _drop(self, members: Members, name: str) -> None:
        if members.pop(name, None) is not None:
            self._request.lose(name, _NOT_TAKEN)

    def _signatures(self, members: Members, view: Message) -> None:
        """Leaves out what another vendor signed."""
        for name in _SIGNED:
            if name not in self._vendor.takes and members.pop(name, None) not in (None, Raw(b"null"), Raw(b"[]")):
                self._request.tell(f"{name} are not sent: only the provider that signed them takes them back.")
        if "extra_content" in self._vendor.takes:
            return
        signed = members.pop("extra_content", None) is not None
        if any(call.extra_content is not UNSET for call in view.tool_calls or ()):
            calls = [_MEMBERS.decode(call) for call in _LIST.decode(members["tool_calls"])]
            for call in calls:
                signed |= call.pop("extra_content", None) is not None
            members["tool_calls"] = Raw(_ENCODER.encode(calls))
        if signed:
            self._request.tell("extra_content is not sent: only the provider that wrote it takes it back.")

    def _reasoning(self, members: Members, view: Message) -> None:
        """Sends earlier reasoning back where the vendor wants it, under its own name."""
        vendor = self._vendor
        text = view.reasoning_content if isinstance(view.reasoning_content, str) else ""
        members.pop("reasoning_content", None)
        if not self._sends_reasoning:
            if text:
                self._request.tell("reasoning_content is not sent: the provider takes no earlier reasoning back.")
            return
        text = text or _thoughts(view)
        # Where it is required, reasoning that another vendor kept to itself is an empty text.
        if text or vendor.reasoning_back == "with_calls":
            members.setdefault(vendor.reasoning_name, Raw(_ENCODER.encode(text)))

    def _parts(self, raw: list[Raw], parts: list[Part], path: str) -> list[tuple[str, Raw]]:
        """Type and JSON of the parts. Raises ParamUnsupported: an answer to half a question is worse than none."""
        vendor = self._vendor
        made = []
        for place, (part, text) in enumerate(zip(parts, raw, strict=True)):
            kind = part.type
            if kind in vendor.parts:
                made.append((kind, self._plain(part, text)))
                continue
            file = file_of(text, vendor.parts) if kind == "document" else None
            if file is None:
                raise ParamUnsupported(
                    f"The provider takes no content of the type {kind[:40]!r} of this kind ('{path}[{place}]').",
                    param=f"{path}[{place}]",
                )
            made.append(file)
            self._request.tell(f"document is sent as {file[0]}: the provider takes no documents as such.")
        return made

    def _plain(self, part: Part, raw: Raw) -> Raw:
        """A part without the marks that the vendor does not take."""
        marks = [name for name in ("cache_control", "extra_content") if getattr(part, name) is not UNSET]
        marks = [name for name in marks if name not in self._vendor.takes]
        if not marks:
            return raw
        members = _MEMBERS.decode(raw)
        for name in marks:
            del members[name]
        if "cache_control" in marks:
            self._request.tell(UNMARKED)
        return Raw(_ENCODER.encode(members))

    def _content(self, parts: Iterable[tuple[str, Raw]], view: Message, carried: list[Raw]) -> Raw:
        if view.role != "tool":
            return Raw(_ENCODER.encode([text for _, text in parts]))
        held = [text for kind, text in parts if kind in _IN_TOOL_RESULTS]
        moved = [text for kind, text in parts if kind not in _IN_TOOL_RESULTS]
        if moved:
            carried.append(_said(f"From the result of the tool call {view.tool_call_id}:"))
            carried.extend(moved)
            self._request.tell("Pictures and files of a tool's result are sent in a user's message after it.")
            held = held or [_said("The result follows in the next message.")]
        return Raw(_ENCODER.encode(held)) if held else Raw(b'""')


def _said(text: str) -> Raw:
    return Raw(_ENCODER.encode({"type": "text", "text": text}))


def _thoughts(view: Message) -> str:
    """The text of signed reasoning."""
    texts = [block.get("thinking") for block in view.thinking_blocks or ()]
    return "\n\n".join(_TEXT.decode(text) for text in texts if text is not None and bytes(text).startswith(b'"'))
