"""Mistral's dialect: OpenAI's, but for members that it must know, contents in chunks, and short ids of calls.

What Mistral's own models thought comes in chunks of the content. The chunks go back as they came, from
`extra_content.mistral.content`; other vendors' reasoning does not go there. Facts: the types of the vendor's SDK.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from server.chat.deployment import Candidate
from server.chat.request import ChatRequest
from server.errors import UpstreamBadResponse
from server.providers.dialect import Answer, Chunk, Event
from server.providers.openai.chunked import Contents
from server.providers.openai.dialect import OpenAiDialect, OpenAiStream
from server.providers.openai.mistral_messages import Members, messages_for
from server.providers.openai.vendor import Vendor

MAX_TEMPERATURE: Final = 1.5

_ENCODER: Final = msgspec.json.Encoder()
_MEMBERS: Final = msgspec.json.Decoder(Members)
_LIST: Final = msgspec.json.Decoder(list[Raw])
_TIERS: Final = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
_CHOICES: Final = b'"choices"'
_NO_PARAMETERS: Final = Raw(b'{"type":"object","properties":{}}')
_NOTHING: Final = (None, Raw(b"null"))


@dataclass(frozen=True, slots=True)
class MistralDialect(OpenAiDialect):
    """See `OpenAiDialect`."""

    def adapted(self, request: ChatRequest, candidate: Candidate, is_stream: bool) -> ChatRequest:
        """The request as Mistral takes it."""
        made = OpenAiDialect.adapted(self, request, candidate, is_stream)
        members = made.members.copy()
        members["messages"] = messages_for(request, members["messages"])
        _put_tools(members)
        _put_bounds(request, members)
        return replace(made, parsed=members)

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
        """See `Dialect.answer`."""
        if 200 <= status < 300 and _CHOICES in body:
            try:
                body = Contents("message").flattened(body)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                raise UpstreamBadResponse("The provider's answer is not what it should be in JSON.") from None
        return OpenAiDialect.answer(self, status, headers, body)

    def stream(self) -> "MistralStream":
        """See `Dialect.stream`."""
        return MistralStream(self)


class _Flat(Struct, frozen=True):
    """An event whose contents are texts."""

    data: bytes
    event: str


class MistralStream(OpenAiStream):
    """Reads one stream; what was thought is put together, and told whole in the chunk that ends the answer."""

    __slots__ = ("_contents",)

    def __init__(self, vendor: Vendor) -> None:
        super().__init__(vendor)
        self._contents = Contents("delta")
        self.more = _unknown

    def feed_all(self, events: Sequence[Event], chunks: list[Chunk]) -> None:
        """See `PieceReader.feed_all`."""
        for event in events:
            chunks += self.feed(event)

    def feed(self, event: Event) -> list[Chunk]:
        """See `StreamDecoder.feed`."""
        data = event.data
        if self.is_done or _CHOICES not in data:
            return OpenAiStream.feed(self, event)
        try:
            data = self._contents.flattened(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # What cannot be read is for the reader of all such streams to judge.
            return OpenAiStream.feed(self, event)
        return OpenAiStream.feed(self, _Flat(data, event.event))


def _unknown(piece: bytes) -> None:
    """Every event has to be looked at."""


def _put_tools(members: Members) -> None:
    """Functions must have parameters."""
    raw = members.get("tools", Raw(b"null"))
    if not bytes(raw).startswith(b"["):
        return
    tools = _LIST.decode(raw)
    made: list[Raw | Members] = []
    for tool in tools:
        whole = _MEMBERS.decode(tool)
        function = _MEMBERS.decode(whole["function"]) if "function" in whole else {}
        if not function or function.get("parameters") not in _NOTHING:
            made.append(tool)
            continue
        function["parameters"] = _NO_PARAMETERS
        made.append({**whole, "function": Raw(_ENCODER.encode(function))})
    members["tools"] = Raw(_ENCODER.encode(made))


def _put_bounds(request: ChatRequest, members: Members) -> None:
    view = request.view
    if isinstance(view.temperature, int | float) and view.temperature > MAX_TEMPERATURE:
        request.lose("temperature", f"is {MAX_TEMPERATURE} instead of {view.temperature:g}: the provider's bound.")
        members["temperature"] = Raw(_ENCODER.encode(MAX_TEMPERATURE))
    tier = view.service_tier
    if isinstance(tier, str):
        if tier in _TIERS:
            members["service_tier"] = Raw(_ENCODER.encode(_TIERS[tier]))
        else:
            request.lose("service_tier", "is not sent: the provider knows no such tier.")
            members.pop("service_tier", None)
