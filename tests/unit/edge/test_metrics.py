"""What the REST face counts, and the page that shows it with what the core counts."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import grpc
import httpx2
import pytest
from google.api import httpbody_pb2
from perpetuo.v1 import metrics_pb2, metrics_pb2_grpc
from starlette.types import ASGIApp

from edge.app import EdgeOptions, create_app
from edge.metrics import BOUNDS_S, MAX_SERIES, PATH, HttpMetrics, metrics_page, render
from edge.rest.services import gateway_reasons, gateway_services
from edge.serve import serving
from edge.settings import EdgeSettings
from tests.unit.server.telemetry.test_metrics import of, values_in

SETTINGS = EdgeSettings.from_environment(port=0, grace_s=0)
CORE_TEXT = b"# HELP perpetuo_x_total X.\n# TYPE perpetuo_x_total counter\nperpetuo_x_total 3.0\n"


class Core(metrics_pb2_grpc.MetricsServiceServicer):
    """Tells metrics, or does not; remembers who was said to ask."""

    def __init__(self) -> None:
        self.refuses_with: grpc.StatusCode | None = None
        self.asked_by: list[str] = []

    async def GetMetrics(self, request: Any, context: Any) -> metrics_pb2.GetMetricsResponse:  # noqa: N802
        self.asked_by.append(dict(context.invocation_metadata())["x-forwarded-for"])
        if self.refuses_with is not None:
            await context.abort(self.refuses_with, "Set --metrics open.")
        body = httpbody_pb2.HttpBody(content_type="text/plain; version=0.0.4", data=CORE_TEXT)
        return metrics_pb2.GetMetricsResponse(body=body)


def app_with(pages: Mapping[str, ASGIApp], channel: grpc.aio.Channel, metrics: HttpMetrics) -> ASGIApp:
    options = EdgeOptions(services=gateway_services(), reasons=gateway_reasons(), pages=pages, metrics=metrics)
    return create_app(channel, options)


async def with_page(core: Core, check: Callable[[httpx2.AsyncClient, HttpMetrics], Any]) -> None:
    """Serves the page over a core on a socket, and checks."""
    server = grpc.aio.server()
    metrics_pb2_grpc.add_MetricsServiceServicer_to_server(core, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    metrics = HttpMetrics()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        app = app_with({PATH: metrics_page(channel, metrics)}, channel, metrics)
        async with (
            serving(app, SETTINGS) as edge_port,
            httpx2.AsyncClient(base_url=f"http://127.0.0.1:{edge_port}", timeout=60) as client,
        ):
            await check(client, metrics)
    await server.stop(None)


async def test_the_page_shows_what_the_core_counts_and_then_our_own() -> None:
    async def check(client: httpx2.AsyncClient, metrics: HttpMetrics) -> None:
        assert (await client.get("/nothing/here")).status_code == 404
        assert (await client.get("/workspaces/ws_1")).status_code == 501
        assert (await client.post("/workspaces/ws_1", json={})).status_code == 405
        answer = await client.get(PATH)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/plain; version=0.0.4"
        assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
        values = values_in(answer.content)
        requests = {
            tuple(dict(labels)[name] for name in ("method", "route", "status")): value
            for (name, labels), value in values.items()
            if name == "perpetuo_http_requests_total"
        }
        assert requests == {
            ("GET", "none", "404"): 1,
            ("GET", "/workspaces/{workspace_id}", "501"): 1,
            ("POST", "none", "405"): 1,
        }
        assert values[of("perpetuo_x_total")] == 3
        assert values[of("perpetuo_http_requests_open")] == 1
        assert values[of("perpetuo_http_request_seconds_count")] == 3
        assert values[of("process_open_fds")] > 0
        assert (await client.head(PATH)).content == b""
        assert metrics.open == 0

    core = Core()
    await with_page(core, check)
    assert core.asked_by == ["127.0.0.1", "127.0.0.1"]


@pytest.mark.parametrize(
    ("code", "status", "reason", "says"),
    [
        pytest.param(grpc.StatusCode.PERMISSION_DENIED, 403, "permission_denied", "--metrics open", id="a refusal"),
        pytest.param(grpc.StatusCode.UNAVAILABLE, 503, "draining", "Try again", id="a core that is away"),
        pytest.param(grpc.StatusCode.INTERNAL, 503, "draining", "Try again", id="a core that fails"),
    ],
)
async def test_what_the_core_does_not_tell(code: grpc.StatusCode, status: int, reason: str, says: str) -> None:
    async def check(client: httpx2.AsyncClient, metrics: HttpMetrics) -> None:
        answer = await client.get(PATH)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, reason)
        assert says in answer.json()["error"]["message"]
        assert metrics.snapshot().answers == {("GET", "page", str(status)): 1}

    core = Core()
    core.refuses_with = code
    await with_page(core, check)


def test_nothing_that_clients_choose_makes_more_series_than_there_is_room_for() -> None:
    metrics = HttpMetrics()
    for number in range(100_000):
        metrics.answered(f"METHOD{number}", f"/route/{number % 500}", 200 + number % 300, 0.1 * (number % 40))
    values = values_in(render(metrics.snapshot()))
    own = [name for name, _ in values if not name.startswith("process_")]
    print(f"{len(own)} series of at most {MAX_SERIES}")
    assert len(own) <= MAX_SERIES - 10
    assert sum(metrics.snapshot().answers.values()) == 100_000


TIMES_S = [0.0, BOUNDS_S[0], BOUNDS_S[0] + 1e-9, 0.3, BOUNDS_S[-1], 1e6]


@pytest.mark.parametrize("times_s", [[each] for each in TIMES_S] + [TIMES_S, TIMES_S[::-1], []])
def test_times_that_are_left_count_as_those_that_are_told(times_s: list[float]) -> None:
    told, left = HttpMetrics(), HttpMetrics()
    kept_s = left.kept_s("POST", "/v1/x", 200)
    assert left.snapshot().answers == {}
    for _ in range(2):
        for took_s in times_s:
            told.answered("POST", "/v1/x", 200, took_s)
            kept_s.append(took_s)
        seen, expected = left.snapshot(), told.snapshot()
        assert (seen.answers, seen.durations) == (expected.answers, expected.durations)
        assert seen.seconds == pytest.approx(expected.seconds)
        assert (sum(seen.durations), kept_s) == (sum(seen.answers.values()), [])
    assert left.kept_s("POST", "/v1/x", 200) is kept_s


@pytest.mark.parametrize("took_s", TIMES_S)
def test_a_time_counts_under_the_first_bound_that_is_not_below_it(took_s: float) -> None:
    metrics = HttpMetrics()
    metrics.answered("POST", "/v1/x", 200, took_s)
    assert metrics.snapshot().durations.index(1) == sum(bound < took_s for bound in BOUNDS_S)


async def test_a_client_that_leaves_is_counted_as_gone(unused_tcp_port: int) -> None:
    seen = HttpMetrics()
    asked = asyncio.Event()

    async def waits(scope: Any, receive: Any, send: Any) -> None:
        asked.set()
        while (await receive())["type"] != "http.disconnect":
            continue

    async with (
        grpc.aio.insecure_channel(f"127.0.0.1:{unused_tcp_port}") as channel,
        serving(app_with({"/waits": waits}, channel, seen), SETTINGS) as port,
        asyncio.timeout(60),
    ):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /waits HTTP/1.1\r\nhost: x\r\n\r\n")
        await asked.wait()
        writer.close()
        while not seen._answers:
            await asyncio.sleep(0.01)
    assert seen.snapshot().answers == {("GET", "page", "499"): 1}
    assert seen.open == 0
