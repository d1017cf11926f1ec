"""What the REST face counts of its own, and `GET /metrics`, which shows it after what the core counts.

Plain numbers on one event loop. Labels are bounded: methods of HTTP, path templates that are served, statuses; nothing
of them is the client's to choose. Who may see the page is for the core to say. Format: Prometheus' text, 0.0.4.
"""

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

import grpc
from msgspec import Struct
from perpetuo.v1 import metrics_pb2
from starlette.types import ASGIApp, Receive, Scope, Send

from edge.transcoder.faults import TranscodeError
from edge.transcoder.headers import inbound

if TYPE_CHECKING:
    from prometheus_client.core import Metric

PATH: Final = "/metrics"
MAX_SERIES: Final = 300
"""Of the REST face; the core has the rest of 2,000."""

BOUNDS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)
MOST_KEPT: Final = 256
"""Times of answers alike that are kept before they are counted: together that takes little more than one."""

NO_ROUTE: Final = "none"
PAGE: Final = "page"
OTHER: Final = "other"
_GET: Final = "/perpetuo.v1.MetricsService/GetMetrics"
_TIMEOUT_S: Final = 5.0
_MAX_ANSWERS: Final = 256
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

Labels = tuple[str, str, str]
_Key = tuple[str, str, int | str]


class HttpMetrics:
    """Counts HTTP requests."""

    def __init__(self) -> None:
        self.open = 0
        self._answers: dict[_Key, list[int]] = {}
        self._kept_s: dict[tuple[str, str, int], list[float]] = {}
        self._durations = [0] * (len(BOUNDS_S) + 1)
        self._seconds = 0.0

    def answered(self, method: str, route: str, status: int, took_s: float) -> None:
        """Counts a request that has ended; `route` is a path template, `NO_ROUTE` or `PAGE`."""
        self._cell(method, route, status)[0] += 1
        self._durations[bisect_left(BOUNDS_S, took_s)] += 1
        self._seconds += took_s

    def kept_s(self, method: str, route: str, status: int) -> list[float]:
        """Where to leave the times that such answers take, which count when somebody looks.

        Who has left `MOST_KEPT` there has to `count_kept`.
        """
        return self._kept_s.setdefault((method, route, status), [])

    def count_kept(self) -> None:
        """Counts the answers whose times were left."""
        for (method, route, status), times_s in self._kept_s.items():
            if not times_s:
                continue
            self._cell(method, route, status)[0] += len(times_s)
            self._seconds += sum(times_s)
            times_s.sort()
            below = 0
            for at, bound_s in enumerate(BOUNDS_S):
                at_most = bisect_right(times_s, bound_s, below)
                self._durations[at] += at_most - below
                below = at_most
            self._durations[-1] += len(times_s) - below
            times_s.clear()

    def _cell(self, method: str, route: str, status: int) -> list[int]:
        """Where such answers are counted."""
        cell = self._answers.get((method, route, status))
        return self._other_cell(method, route, status) if cell is None else cell

    def _other_cell(self, method: str, route: str, status: int) -> list[int]:
        key: _Key = method if method in _METHODS else OTHER, route, status
        if key not in self._answers and len(self._answers) >= _MAX_ANSWERS - 1:
            key = OTHER, OTHER, OTHER
        return self._answers.setdefault(key, [0])

    def snapshot(self) -> "Seen":
        """The numbers as they are now. Call it on the event loop."""
        self.count_kept()
        answers = {(method, route, str(status)): cell[0] for (method, route, status), cell in self._answers.items()}
        return Seen(self.open, answers, tuple(self._durations), self._seconds)


class Seen(Struct, frozen=True):
    """The numbers as they were at one moment."""

    open: int
    answers: Mapping[Labels, int]
    durations: tuple[int, ...]
    seconds: float


def render(seen: Seen) -> bytes:
    """The numbers as text, with those of this process. Slow enough for a thread of its own."""
    from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
    from prometheus_client.registry import Collector

    class Numbers(Collector):
        def collect(self) -> "Iterator[Metric]":
            return _families(seen)

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Numbers())
    ProcessCollector(registry=registry)
    return generate_latest(registry)


def metrics_page(channel: grpc.aio.Channel, metrics: HttpMetrics) -> ASGIApp:
    """The page: what the core shows this caller, and then our own.

    TranscodeError where the core refuses, or does not answer.
    """
    call = channel.unary_unary(
        _GET, metrics_pb2.GetMetricsRequest.SerializeToString, metrics_pb2.GetMetricsResponse.FromString
    )

    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        answer = await _ask(call, inbound(scope["headers"], client[0] if client else None))
        seen = metrics.snapshot()
        own = await asyncio.get_running_loop().run_in_executor(None, render, seen)
        body = answer.body.data + own
        headers = [
            (b"content-type", answer.body.content_type.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return page


async def _ask(call: Any, metadata: Any) -> metrics_pb2.GetMetricsResponse:
    asking = call(metrics_pb2.GetMetricsRequest(), metadata=metadata, timeout=_TIMEOUT_S)
    try:
        answer: metrics_pb2.GetMetricsResponse = await asking
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.PERMISSION_DENIED:
            raise TranscodeError(error.details() or "", reason="PERMISSION_DENIED", http_status=403) from None
        message = "The gateway's core does not tell its metrics now. Try again."
        raise TranscodeError(message, reason="DRAINING", http_status=503) from None
    finally:
        asking.cancel()
    return answer


def _families(seen: Seen) -> "Iterator[Metric]":
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    yield GaugeMetricFamily("perpetuo_http_requests_open", "HTTP requests that are being served.", value=seen.open)
    names = ("method", "route", "status")
    answers = CounterMetricFamily(
        "perpetuo_http_requests_total", "HTTP requests by how they were answered.", labels=names
    )
    for labels, count in seen.answers.items():
        answers.add_metric(labels, count)
    yield answers
    buckets = list(zip([*map(str, BOUNDS_S), "+Inf"], accumulate(seen.durations), strict=True))
    yield HistogramMetricFamily(
        "perpetuo_http_request_seconds", "From the head of a request to the end of its answer.", buckets, seen.seconds
    )
