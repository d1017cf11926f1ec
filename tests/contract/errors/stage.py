"""Services of the product with servicers that fail as they are asked to, behind the product's own interceptors.

Nothing between the servicer and the caller is replaced but the check of keys: `CoreServer` brings interceptors, the
port and the in-process channel, `gateway_app` the REST face.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import msgspec
from google.api import httpbody_pb2
from perpetuo.v1 import auth_pb2, auth_pb2_grpc, completions_pb2, completions_pb2_grpc

from server.chat.principal import Plan, Principal
from server.errors import REASONS, KeyInvalid, PerpetuoError, TokenInvalid
from server.grpc_server import CoreServer, ServerOptions
from server.inprocess import HandlerRegistry

KEY = "pk_test"
CANARY = "canary-5f2c9d"
MESSAGE = "It is so; do “that” instead."
EVENT = b'{"n":1}'

DEFECTS: dict[str, BaseException] = {
    "a ValueError": ValueError(CANARY),
    "a KeyError": KeyError(CANARY),
    "a TimeoutError": TimeoutError(CANARY),
    "a RecursionError": RecursionError(CANARY),
    "an OSError": OSError(111, CANARY, f"/{CANARY}"),
    "a group": ExceptionGroup(CANARY, [ValueError(CANARY)]),
    "an error of gRPC's own": grpc.aio.UsageError(CANARY),
    "an error of a call that the servicer made": grpc.aio.AioRpcError(
        grpc.StatusCode.NOT_FOUND, grpc.aio.Metadata(("x-inside", CANARY)), grpc.aio.Metadata(), CANARY, CANARY
    ),
    "an error whose message cannot be sent": REASONS["CONFLICT"](f"{CANARY}\ud800"),
}


class Wish(msgspec.Struct, omit_defaults=True):
    """How a servicer is to fail, as the JSON body of a request. `events` are sent before; `wait_s` is in seconds."""

    reason: str = ""
    message: str = MESSAGE
    param: str | None = None
    wait_s: float | None = None
    details: dict[str, str] = msgspec.field(default_factory=dict)
    events: int = 0
    defect: str = ""
    stream: bool = False

    def error(self) -> BaseException:
        """What to raise: a defect, or the class of the reason with a defect behind it."""
        if self.defect:
            return DEFECTS[self.defect]
        kind: type[PerpetuoError] = REASONS[self.reason]
        made = kind(self.message, param=self.param, retry_after_s=self.wait_s, details=self.details)
        made.__cause__ = ValueError(CANARY)
        return made


_DECODER = msgspec.json.Decoder(Wish)
_Context = grpc.aio.ServicerContext[Any, Any]


class Completions(completions_pb2_grpc.CompletionsServiceServicer):
    """Fails as the body says."""

    async def CreateRawChatCompletion(  # noqa: N802
        self, request: completions_pb2.CreateRawChatCompletionRequest, context: _Context
    ) -> completions_pb2.CreateRawChatCompletionResponse:
        raise _DECODER.decode(request.body.data).error()

    async def StreamRawChatCompletion(  # noqa: N802
        self, request: completions_pb2.StreamRawChatCompletionRequest, context: _Context
    ) -> AsyncIterator[completions_pb2.StreamRawChatCompletionResponse]:
        wish = _DECODER.decode(request.body.data)
        for _ in range(wish.events):
            yield completions_pb2.StreamRawChatCompletionResponse(events=[EVENT])
        raise wish.error()


class Auth(auth_pb2_grpc.AuthServiceServicer):
    """Fails as the address says."""

    async def LogIn(  # noqa: N802
        self, request: auth_pb2.LogInRequest, context: _Context
    ) -> auth_pb2.LogInResponse:
        raise _DECODER.decode(request.email).error()


class OneKey:
    """Knows one key and no token."""

    async def authenticate_key(self, secret: str) -> Principal:
        if secret != KEY:
            raise KeyInvalid("No such key.")
        return Principal("usr_1", "ws_1", Plan.ENTERPRISE, key_id="key_1")

    async def authenticate_token(self, token: str) -> Principal:
        raise TokenInvalid("No such token.")


@dataclass(frozen=True, slots=True)
class Core:
    """What serves: `inside` calls it without a socket, `target` is its address."""

    inside: grpc.aio.Channel
    target: str


@asynccontextmanager
async def serving_core() -> AsyncIterator[Core]:
    """The servicers above, on a port of loopback and in process."""
    registry = HandlerRegistry()
    completions_pb2_grpc.add_CompletionsServiceServicer_to_server(Completions(), registry)  # type: ignore[abstract]
    auth_pb2_grpc.add_AuthServiceServicer_to_server(Auth(), registry)  # type: ignore[abstract]
    server = CoreServer(registry, OneKey(), ServerOptions(has_access_log=False))
    port = await server.start("127.0.0.1", 0)
    try:
        yield Core(server.channel, f"127.0.0.1:{port}")
    finally:
        await server.stop(0)


def unary_request(wish: Wish) -> completions_pb2.CreateRawChatCompletionRequest:
    """A request for one answer."""
    body = httpbody_pb2.HttpBody(data=msgspec.json.encode(wish))
    return completions_pb2.CreateRawChatCompletionRequest(body=body)


def stream_request(wish: Wish) -> completions_pb2.StreamRawChatCompletionRequest:
    """A request for a stream."""
    body = httpbody_pb2.HttpBody(data=msgspec.json.encode(wish))
    return completions_pb2.StreamRawChatCompletionRequest(body=body)
