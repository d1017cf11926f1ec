"""The Bedrock dialect: Converse and ConverseStream, with their addresses and signatures."""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct

from server.chat.deployment import Candidate, Deployment
from server.chat.request import ChatRequest
from server.chat.wire import Framing, WireRequest
from server.errors import PerpetuoError, UpstreamBadResponse
from server.providers.bedrock.access import headers_of, model_url, models_url
from server.providers.bedrock.answer import (
    Converse,
    ending_of,
    finish_of,
    message_of,
    notes_of,
    others_of,
    usage_of,
)
from server.providers.bedrock.body import body_of
from server.providers.bedrock.faults import refused
from server.providers.bedrock.stream import BedrockStream
from server.providers.dialect import Answer
from server.providers.written import Made, whole_answer

_CONVERSE: Final = msgspec.json.Decoder(Converse)
_STREAM_TYPE: Final = "application/vnd.amazon.eventstream"
_WHOLE_BODIES: Final = ("application/json", "application/xml", "text/")
_REQUEST_ID: Final = "x-amzn-requestid"


class BedrockDialect(Struct, frozen=True):
    """POST `{base_url}/model/MODEL/converse`, with a bearer key or signed at the moment when it is sent."""

    @property
    def name(self) -> str:
        """The dialect's own name."""
        return "bedrock"

    @property
    def framing(self) -> Framing:
        """See `Dialect.framing`."""
        return Framing.EVENT_STREAM

    def build(self, request: ChatRequest, candidate: Candidate, *, is_stream: bool) -> WireRequest:
        """See `Dialect.build`."""
        body = body_of(request, candidate)
        credential, sign = headers_of(candidate.deployment)
        headers = {
            "Content-Type": "application/json",
            "Accept": _STREAM_TYPE if is_stream else "application/json",
            **credential,
        }
        url = model_url(candidate.deployment, candidate.model, is_stream=is_stream)
        return WireRequest("POST", url, headers, body, is_stream, sign)

    def check(self, deployment: Deployment) -> WireRequest:
        """See `Dialect.check`."""
        credential, sign = headers_of(deployment)
        return WireRequest("GET", models_url(deployment), {"Accept": "application/json", **credential}, b"", sign=sign)

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
        """See `Dialect.answer`."""
        if not 200 <= status < 300:
            raise refused(status, headers, body)
        try:
            answer = _CONVERSE.decode(body)
            message = answer.output.message if answer.output else None
            if message is None or message.content is None:
                raise UpstreamBadResponse("The provider's answer is not one of Converse: it has no message.")
            return _completion(answer, message_of(message.content), headers.get(_REQUEST_ID, ""))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise UpstreamBadResponse("The provider's answer is not one of Converse in JSON.") from None

    def is_stream(self, status: int, headers: Mapping[str, str]) -> bool:
        """See `Dialect.is_stream`."""
        return 200 <= status < 300 and not headers.get("content-type", "").lower().startswith(_WHOLE_BODIES)

    def stream(self) -> BedrockStream:
        """See `Dialect.stream`."""
        return BedrockStream()

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> PerpetuoError:
        """See `Dialect.error`."""
        return refused(status, headers, body)


def _completion(answer: Converse, message: Made, answer_id: str) -> Answer:
    reason = answer.stop_reason
    choice: Made = {
        "message": message,
        "finish_reason": finish_of(reason, has_calls="tool_calls" in message),
        **ending_of(reason),
    }
    identity: Made = {"id": answer_id, "model": ""}
    return whole_answer(identity | others_of(answer), choice, usage_of(answer.usage), tuple(notes_of(reason)))
