"""The Cohere dialect: the verbs, the headers and the addresses."""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from server.chat.deployment import Candidate, Deployment
from server.chat.request import ChatRequest
from server.chat.wire import Framing, WireRequest
from server.errors import PerpetuoError, UpstreamBadResponse
from server.providers.cohere.answer import (
    SAID,
    ending_of,
    finish_of,
    logprobs_of,
    message_of,
    notes_of,
    others_of,
    usage_of,
)
from server.providers.cohere.body import body_of
from server.providers.cohere.errors import failure_of
from server.providers.cohere.stream import CohereStream
from server.providers.dialect import Answer
from server.providers.written import Made, whole_answer

_WHOLE_BODIES: Final = ("application/json", "application/problem+json", "text/html", "application/xhtml")


class CohereDialect(Struct, frozen=True):
    """POST `{base_url}/v2/chat` with a bearer key."""

    @property
    def name(self) -> str:
        """The dialect's own name."""
        return "cohere"

    @property
    def framing(self) -> Framing:
        """See `Dialect.framing`."""
        return Framing.SSE

    def build(self, request: ChatRequest, candidate: Candidate, *, is_stream: bool) -> WireRequest:
        """See `Dialect.build`."""
        body = body_of(request, candidate, is_stream=is_stream)
        headers = {
            "Content-Type": "application/json",
            "Accept": "text/event-stream" if is_stream else "application/json",
            **credential_of(candidate.deployment),
        }
        return WireRequest("POST", f"{candidate.deployment.base_url}/v2/chat", headers, body, is_stream)

    def check(self, deployment: Deployment) -> WireRequest:
        """See `Dialect.check`."""
        headers = {"Accept": "application/json", **credential_of(deployment)}
        return WireRequest("GET", f"{deployment.base_url}/v1/models?page_size=1", headers, b"")

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
        """See `Dialect.answer`."""
        if not 200 <= status < 300:
            raise failure_of(status, headers, body)
        try:
            said = SAID.decode(body)
            if said.message is None:
                raise failure_of(200, headers, body)
            message = message_of(said.message)
            usage, others = usage_of(said.usage), others_of(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise UpstreamBadResponse("The provider's answer is not what it should be in JSON.") from None
        reason = said.finish_reason
        choice: Made = {
            "message": message,
            "finish_reason": finish_of(reason, has_calls="tool_calls" in message),
            **ending_of(reason),
            **logprobs_of(said.logprobs),
        }
        return whole_answer({"id": said.id, "model": "", **others}, choice, usage, tuple(notes_of(reason)))

    def is_stream(self, status: int, headers: Mapping[str, str]) -> bool:
        """See `Dialect.is_stream`."""
        return 200 <= status < 300 and not headers.get("content-type", "").lower().startswith(_WHOLE_BODIES)

    def stream(self) -> CohereStream:
        """See `Dialect.stream`."""
        return CohereStream()

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> PerpetuoError:
        """See `Dialect.error`."""
        return failure_of(status, headers, body)


def credential_of(deployment: Deployment) -> dict[str, str]:
    """The header with the key, none where there is none."""
    return {"Authorization": f"Bearer {deployment.api_key}"} if deployment.api_key else {}
