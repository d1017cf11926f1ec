"""A gRPC call that never was, and the HTTP response that the edge makes of it."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import grpc
from google.protobuf.message import Message
from perpetuo.v1 import errors_pb2

from edge.calls import Caller, Endpoint, Exchange
from edge.errors import ErrorCatalogue
from edge.styles import Style
from edge.transcoder.binding import Binding
from edge.transcoder.profile import CANONICAL, Profile

REQUEST_ID: Final = "req_conformance"
_METADATA: Final = grpc.aio.Metadata(("x-request-id", REQUEST_ID))
_HEARTBEAT_S: Final = 60.0
_MAX_BODY_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Response:
    """What a client would read: status, media type without parameters, body."""

    status: int
    content_type: str
    body: str


@dataclass(frozen=True, slots=True)
class ScriptedCall:
    """A call that brings these messages, then this status: an error's `code` and `message`, or None for OK."""

    messages: Sequence[Message]
    error: Mapping[str, Any] | None

    def cancel(self) -> bool:
        """Nothing to cancel."""
        return False

    async def initial_metadata(self) -> grpc.aio.Metadata:
        """The request's id."""
        return _METADATA

    async def trailing_metadata(self) -> grpc.aio.Metadata:
        """None."""
        return grpc.aio.Metadata()

    async def __aiter__(self) -> AsyncIterator[Message]:
        for message in self.messages:
            yield message
        if self.error is not None:
            code = next(code for code in grpc.StatusCode if code.value[0] == self.error["code"])
            raise grpc.aio.AioRpcError(code, _METADATA, grpc.aio.Metadata(), self.error["message"])


def respond(binding: Binding, call: ScriptedCall, profile: Profile) -> Response:
    """What the edge answers when a streaming call goes like that."""
    caller = Caller(ErrorCatalogue(errors_pb2.ErrorReason.DESCRIPTOR), _HEARTBEAT_S)
    endpoint = Endpoint(binding, lambda *_, **__: call, None, None, is_json=True, max_body_bytes=_MAX_BODY_BYTES)
    sent: list[Any] = []

    async def receive() -> Any:
        return await asyncio.get_running_loop().create_future()

    async def send(message: Any) -> None:
        sent.append(message)

    style = Style.STATUS if profile is CANONICAL else Style.PLAIN
    exchange = Exchange(binding.request_class(), (), None, receive, send, "", style)
    asyncio.run(caller.serve(endpoint, exchange))
    headers = dict(sent[0]["headers"])
    body = b"".join(each["body"] for each in sent[1:]).decode()
    return Response(sent[0]["status"], headers.get(b"content-type", b"").decode().partition(";")[0], body)
