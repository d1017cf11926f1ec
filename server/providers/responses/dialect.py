"""The Responses dialect: the verbs, the headers and the addresses."""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from server.chat.deployment import Candidate, Deployment
from server.chat.request import ChatRequest
from server.chat.wire import Framing, WireRequest
from server.errors import PerpetuoError, UpstreamBadResponse, UpstreamUnavailable
from server.providers.dialect import Answer
from server.providers.refusal import refusal
from server.providers.responses.answer import Response, failure_of, finish_of, message_of, others_of, usage_of
from server.providers.responses.body import Reasoner, body_of
from server.providers.responses.stream import ResponsesStream
from server.providers.written import Made, whole_answer

_RESPONSE: Final = msgspec.json.Decoder(Response)
_WHOLE_BODIES: Final = ("application/json", "application/problem+json", "text/html", "application/xhtml")
_ENDED: Final = frozenset({"completed", "incomplete"})


class ResponsesDialect(Struct, frozen=True):
    """POST `{base_url}/responses` with a bearer key.

    Models that begin with one of `plain_models` do not reason. `effort_off` says by which effort a model does not
    reason, by what its name begins with; empty where none is known.
    """

    plain_models: tuple[str, ...] = ()
    effort_off: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """The dialect's own name."""
        return "responses"

    @property
    def framing(self) -> Framing:
        """See `Dialect.framing`."""
        return Framing.SSE

    def build(self, request: ChatRequest, candidate: Candidate, *, is_stream: bool) -> WireRequest:
        """See `Dialect.build`."""
        model = candidate.model
        knobs = Reasoner(
            reasons=not model.startswith(self.plain_models or ("\0",)),
            effort_off=next((word for start, word in self.effort_off if model.startswith(start)), ""),
        )
        body = body_of(request, model, knobs, is_stream=is_stream)
        return self.wire(candidate.deployment, body, is_stream=is_stream)

    def wire(self, deployment: Deployment, body: bytes, *, is_stream: bool) -> WireRequest:
        """A request for a response with that body."""
        headers = {
            "Content-Type": "application/json",
            "Accept": "text/event-stream" if is_stream else "application/json",
            **_credential(deployment),
        }
        return WireRequest("POST", f"{deployment.base_url}/responses", headers, body, is_stream)

    def check(self, deployment: Deployment) -> WireRequest:
        """See `Dialect.check`."""
        headers = {"Accept": "application/json", **_credential(deployment)}
        return WireRequest("GET", f"{deployment.base_url}/models", headers, b"")

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
        """See `Dialect.answer`."""
        if not 200 <= status < 300:
            raise refusal(status, headers, body)
        try:
            response = _RESPONSE.decode(body)
            if response.error is not None or response.status == "failed":
                raise failure_of(response.error)
            if response.status == "cancelled":
                raise UpstreamUnavailable("The provider cancelled the answer.")
            if response.output is None or response.status not in _ENDED:
                raise UpstreamBadResponse("The provider's answer is not a response that has ended.")
            return _completion(response)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise UpstreamBadResponse("The provider's answer is not a response in JSON.") from None

    def is_stream(self, status: int, headers: Mapping[str, str]) -> bool:
        """See `Dialect.is_stream`."""
        return 200 <= status < 300 and not headers.get("content-type", "").lower().startswith(_WHOLE_BODIES)

    def stream(self) -> ResponsesStream:
        """See `Dialect.stream`."""
        return ResponsesStream()

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> PerpetuoError:
        """See `Dialect.error`."""
        return refusal(status, headers, body)


def _credential(deployment: Deployment) -> dict[str, str]:
    return {"Authorization": f"Bearer {deployment.api_key}"} if deployment.api_key else {}


def _completion(response: Response) -> Answer:
    message, logprobs = message_of(response.output or [])
    reason, more = finish_of(response, has_calls="tool_calls" in message)
    choice: Made = {"message": message, "finish_reason": reason, **more}
    if logprobs:
        choice["logprobs"] = {"content": logprobs}
    answer: Made = {"id": response.id, "created": int(response.created_at), "model": response.model}
    return whole_answer(answer | others_of(response), choice, usage_of(response.usage))
