"""The health pages over real sockets."""

import re

import grpc
import pytest
from grpc_health.v1 import health_pb2

from edge.rest.health import health_pages
from tests.unit.edge.conftest import Face


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/ready"])
async def test_a_gateway_that_is_well_says_so_to_anybody(face: Face, path: str) -> None:
    answer = await face.client.get(path)
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", answer.json()["timestamp"])
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"].startswith("req_")


async def test_a_core_that_does_not_serve_makes_the_gateway_not_ready_but_alive(face: Face) -> None:
    await face.core.health.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    try:
        answer = await face.client.get("/health/ready")
        assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
        assert (await face.client.get("/health/live")).status_code == 200
    finally:
        await face.core.health.set("", health_pb2.HealthCheckResponse.SERVING)


async def test_a_core_that_cannot_be_reached_makes_the_gateway_not_ready(unused_tcp_port: int) -> None:
    sent = []

    async def send(message: object) -> None:
        sent.append(message)

    async with grpc.aio.insecure_channel(f"127.0.0.1:{unused_tcp_port}") as channel:
        ready = health_pages(channel)["/health/ready"]
        await ready({"type": "http"}, None, send)  # type: ignore[arg-type]
    assert isinstance(sent[0], dict)
    assert sent[0]["status"] == 503
