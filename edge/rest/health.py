"""`/health`, `/health/live` and `/health/ready`: whether this process lives, and whether its core serves."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import grpc
import msgspec
from grpc_health.v1 import health_pb2
from starlette.types import ASGIApp, Receive, Scope, Send

_CHECK: Final = "/grpc.health.v1.Health/Check"
_CHECK_TIMEOUT_S: Final = 2.0


def health_pages(channel: grpc.aio.Channel) -> Mapping[str, ASGIApp]:
    """The pages by path. They ask for no credential."""
    check = channel.unary_unary(
        _CHECK, health_pb2.HealthCheckRequest.SerializeToString, health_pb2.HealthCheckResponse.FromString
    )

    async def live(scope: Scope, receive: Receive, send: Send) -> None:
        await _answer(send, is_well=True)

    async def ready(scope: Scope, receive: Receive, send: Send) -> None:
        await _answer(send, is_well=await _serves(check))

    return {"/health": live, "/health/live": live, "/health/ready": ready}


async def _serves(check: Any) -> bool:
    call = check(health_pb2.HealthCheckRequest(), timeout=_CHECK_TIMEOUT_S)
    try:
        answer = await call
    except grpc.aio.AioRpcError:
        return False
    finally:
        call.cancel()
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


async def _answer(send: Send, *, is_well: bool) -> None:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body = msgspec.json.encode({"status": "ok" if is_well else "unavailable", "timestamp": now})
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": 200 if is_well else 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})
