"""The Gemini dialect: the verbs, the headers and the addresses."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

import msgspec
from msgspec import Raw, Struct

from server.chat.answer import peek_answer
from server.chat.deployment import Candidate as Target
from server.chat.deployment import Deployment
from server.chat.request import ChatRequest
from server.chat.wire import Framing, WireRequest
from server.errors import PerpetuoError, UpstreamBadResponse
from server.providers.dialect import Answer
from server.providers.google.answer import (
    CANDIDATE,
    SAID,
    Said,
    Spoken,
    check_feedback,
    counted_of,
    ending_of,
    finish_of,
    logprobs_of,
    notes_of,
    others_of,
    tier_of,
    usage_of,
)
from server.providers.google.body import body_of
from server.providers.google.content import Made
from server.providers.google.errors import failure_of
from server.providers.google.stream import GoogleStream

_WHOLE_BODIES: Final = ("application/json", "application/problem+json", "text/html", "application/xhtml")
_MODEL: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)?\Z")
_ENCODER: Final = msgspec.json.Encoder()
_NULL: Final = Raw(b"null")


class GoogleDialect(Struct, frozen=True):
    """POST `{base_url}/models/{model}:generateContent` with the key in `x-goog-api-key`."""

    @property
    def name(self) -> str:
        """The dialect's own name."""
        return "google"

    @property
    def framing(self) -> Framing:
        """See `Dialect.framing`."""
        return Framing.SSE

    def build(self, request: ChatRequest, candidate: Target, *, is_stream: bool) -> WireRequest:
        """See `Dialect.build`."""
        body = body_of(request, candidate)
        headers = {
            "Content-Type": "application/json",
            "Accept": "text/event-stream" if is_stream else "application/json",
            **credential_of(candidate.deployment),
        }
        verb = "streamGenerateContent?alt=sse" if is_stream else "generateContent"
        url = f"{candidate.deployment.base_url}/{resource_of(candidate.model)}:{verb}"
        return WireRequest("POST", url, headers, body, is_stream)

    def check(self, deployment: Deployment) -> WireRequest:
        """See `Dialect.check`."""
        headers = {"Accept": "application/json", **credential_of(deployment)}
        return WireRequest("GET", f"{deployment.base_url}/models?pageSize=1", headers, b"")

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
        """See `Dialect.answer`."""
        if not 200 <= status < 300:
            raise failure_of(status, headers, body)
        try:
            said = SAID.decode(body)
            if said.error != _NULL:
                raise failure_of(200, headers, body)
            check_feedback(said)
            completion, notes = _completion(said, body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise UpstreamBadResponse("The provider's answer is not what it should be in JSON.") from None
        return Answer(completion, peek_answer(completion), tuple(notes))

    def is_stream(self, status: int, headers: Mapping[str, str]) -> bool:
        """See `Dialect.is_stream`."""
        return 200 <= status < 300 and not headers.get("content-type", "").lower().startswith(_WHOLE_BODIES)

    def stream(self) -> GoogleStream:
        """See `Dialect.stream`."""
        return GoogleStream()

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> PerpetuoError:
        """See `Dialect.error`."""
        return failure_of(status, headers, body)


def resource_of(model: str) -> str:
    """The path of a model; a name that could lead elsewhere is quoted whole."""
    if not _MODEL.match(model):
        return f"models/{quote(model, safe='')}"
    return model if "/" in model else f"models/{model}"


def credential_of(deployment: Deployment) -> dict[str, str]:
    """The header with the key, none where there is none."""
    return {"x-goog-api-key": deployment.api_key} if deployment.api_key else {}


def _completion(said: Said, body: bytes) -> tuple[bytes, list[str]]:
    if not said.candidates:
        raise UpstreamBadResponse("The provider's answer holds no candidate.")
    notes: list[str] = []
    choices = []
    for raw in said.candidates:
        choices.append(_choice(raw, said.response_id))
        notes += notes_of(CANDIDATE.decode(raw).finish_reason)
    members: Made = {
        "id": said.response_id or "gemini",
        "object": "chat.completion",
        "created": 0,
        "model": said.model_version,
        "choices": choices,
    }
    counted = counted_of(said.usage_metadata)
    if counted is not None:
        members["usage"] = usage_of(counted)
        if tier := tier_of(counted):
            members["service_tier"] = tier
    return _ENCODER.encode(members | others_of(body, is_candidate=False)), notes


def _choice(raw: Raw, response_id: str) -> Made:
    candidate = CANDIDATE.decode(raw)
    spoken = Spoken(response_id or "gemini", candidate.index)
    made = spoken.take((candidate.content and candidate.content.parts) or [])
    calls = made.get("tool_calls")
    if isinstance(calls, list):
        for call in calls:
            del call["index"]
    message: Made = {"role": "assistant", "content": made.pop("content", None if calls else ""), **made}
    choice: Made = {
        "index": candidate.index,
        "message": message,
        "finish_reason": finish_of(candidate.finish_reason, spoken) or "stop",
        **ending_of(candidate.finish_reason),
        **others_of(raw, is_candidate=True),
    }
    logprobs = logprobs_of(candidate.logprobs_result)
    return choice | {"logprobs": logprobs} if logprobs else choice
