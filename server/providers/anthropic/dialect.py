"""The Anthropic Messages dialect: the verbs, the headers and the addresses."""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from server.chat.answer import peek_answer
from server.chat.deployment import Candidate, Deployment
from server.chat.request import ChatRequest
from server.chat.wire import Framing, WireRequest
from server.errors import PerpetuoError, UpstreamBadResponse
from server.providers.anthropic.answer import (
    counted_of,
    ending_of,
    finish_of,
    message_of,
    notes_of,
    others_of,
    tier_of,
    usage_of,
)
from server.providers.anthropic.body import body_of
from server.providers.anthropic.content import Made
from server.providers.anthropic.stream import AnthropicStream
from server.providers.dialect import Answer
from server.providers.refusal import complaint_of, judged, refusal

API_VERSION: Final = "2023-06-01"
"""The version whose requests carry everything that some model still takes, temperatures among it."""

_VERSION_PATH: Final = "/v1"
_WHOLE_BODIES: Final = ("application/json", "application/problem+json", "text/html", "application/xhtml")
_ENCODER: Final = msgspec.json.Encoder()
_MEMBERS: Final = msgspec.json.Decoder(dict[str, Raw])


class _Message(Struct, gc=False):
    id: str = ""
    model: str = ""
    type: str = ""
    content: list[Raw] | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: Raw = Raw(b"null")
    error: Raw = Raw(b"null")


_MESSAGE: Final = msgspec.json.Decoder(_Message)


class AnthropicDialect(Struct, frozen=True):
    """POST `{base_url}/messages` with the key in `x-api-key`. A base URL that does not end with `/v1` gets it."""

    @property
    def name(self) -> str:
        """The dialect's own name."""
        return "anthropic"

    @property
    def framing(self) -> Framing:
        """See `Dialect.framing`."""
        return Framing.SSE

    def build(self, request: ChatRequest, candidate: Candidate, *, is_stream: bool) -> WireRequest:
        """See `Dialect.build`."""
        wire = self.wire(candidate.deployment, body_of(request, candidate, is_stream=is_stream), is_stream=is_stream)
        if request.view.betas:
            return replace(wire, headers={**wire.headers, "anthropic-beta": ",".join(request.view.betas)})
        return wire

    def wire(self, deployment: Deployment, body: bytes, *, is_stream: bool) -> WireRequest:
        """A request for a message with that body."""
        headers = {
            "Content-Type": "application/json",
            "Accept": "text/event-stream" if is_stream else "application/json",
            **_credential(deployment),
        }
        return WireRequest("POST", f"{_base(deployment)}/messages", headers, body, is_stream)

    def check(self, deployment: Deployment) -> WireRequest:
        """See `Dialect.check`."""
        headers = {"Accept": "application/json", **_credential(deployment)}
        return WireRequest("GET", f"{_base(deployment)}/models?limit=1", headers, b"")

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
        """See `Dialect.answer`."""
        if not 200 <= status < 300:
            raise refusal(status, headers, body)
        try:
            message = _MESSAGE.decode(body)
            if message.type == "error" or message.error != Raw(b"null"):
                raise judged(200, headers, complaint_of(msgspec.json.decode(body)))
            if message.content is None:
                raise UpstreamBadResponse("The provider's answer is not a message: it has no 'content'.")
            completion = _completion(message, others_of(_MEMBERS.decode(body)))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise UpstreamBadResponse("The provider's answer is not a message in JSON.") from None
        return Answer(completion, peek_answer(completion), tuple(notes_of(message.stop_reason)))

    def is_stream(self, status: int, headers: Mapping[str, str]) -> bool:
        """See `Dialect.is_stream`."""
        return 200 <= status < 300 and not headers.get("content-type", "").lower().startswith(_WHOLE_BODIES)

    def stream(self) -> AnthropicStream:
        """See `Dialect.stream`."""
        return AnthropicStream()

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> PerpetuoError:
        """See `Dialect.error`."""
        return refusal(status, headers, body)


def _base(deployment: Deployment) -> str:
    base_url = deployment.base_url
    return base_url if base_url.endswith(_VERSION_PATH) else base_url + _VERSION_PATH


def _credential(deployment: Deployment) -> dict[str, str]:
    version = {"anthropic-version": API_VERSION}
    return version | {"x-api-key": deployment.api_key} if deployment.api_key else version


def _completion(message: _Message, others: dict[str, Raw]) -> bytes:
    assert message.content is not None
    said = message_of(message.content)
    choice: Made = {
        "index": 0,
        "message": said,
        "finish_reason": finish_of(message.stop_reason, has_calls="tool_calls" in said),
        **ending_of(message.stop_reason, message.stop_sequence),
    }
    members: Made = {
        "id": message.id,
        "object": "chat.completion",
        "created": 0,
        "model": message.model,
        "choices": [choice],
    }
    counted = counted_of(message.usage)
    if counted is not None:
        members["usage"] = usage_of(counted)
        if tier := tier_of(counted):
            members["service_tier"] = tier
    return _ENCODER.encode(members | others)
