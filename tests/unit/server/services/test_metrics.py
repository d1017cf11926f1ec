"""MetricsService: who may see the core's metrics, and what they are."""

from pathlib import Path
from typing import Any, cast

import grpc.aio
import pytest
from perpetuo.v1 import metrics_pb2, metrics_pb2_grpc

from server.app import Core
from server.errors import PermissionDenied
from server.services.calling import Context
from server.services.metrics import Exposure, MetricsServicer, is_near
from server.settings import ServerSettings
from server.telemetry.families import Name
from server.telemetry.metrics import Metrics
from tests.unit.server.services.calls import refused
from tests.unit.server.telemetry.test_metrics import of, values_in

NEAR = [("127.0.0.1", True), ("::1", True), ("10.1.2.3", True), ("172.17.0.1", True), ("192.168.4.4", True),
        ("fd00::1", True), ("::ffff:10.0.0.1", True), ("fe80::1%eth0", True), ("203.0.114.9", False),
        ("8.8.8.8", False), ("2606:4700::1", False), ("::ffff:8.8.8.8", False), ("unknown", False),
        ("", False), ("10.0.0.1.example", False)]  # fmt: skip


@pytest.mark.parametrize(("address", "expected"), NEAR)
def test_who_is_near(address: str, expected: bool) -> None:
    assert is_near(address) is expected


CASES: list[tuple[str, Exposure, tuple[str, ...], bool]] = [
    ("private, from this machine", "private", ("127.0.0.1",), True),
    ("private, in this process", "private", (), True),
    ("private, over a proxy that is near", "private", ("10.0.0.7", "127.0.0.1"), True),
    ("private, from afar", "private", ("8.8.8.8",), False),
    ("private, from afar over a proxy that is near", "private", ("8.8.8.8", "10.0.0.1"), False),
    ("private, with a lie before the truth", "private", ("127.0.0.1", "8.8.8.8"), False),
    ("private, with an address that is none", "private", ("_hidden", "127.0.0.1"), False),
    ("open, from afar", "open", ("8.8.8.8",), True),
    ("off, from this machine", "off", ("127.0.0.1",), False),
]


@pytest.mark.parametrize(("exposure", "hops", "may"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
async def test_who_may_see_the_metrics(exposure: Exposure, hops: tuple[str, ...], may: bool) -> None:
    metrics = Metrics()
    metrics.counter(Name("perpetuo_x_total", "X.")).add()
    servicer = MetricsServicer(metrics, exposure, lambda context: hops)
    nobody: Context = cast(Any, None)
    if not may:
        with pytest.raises(PermissionDenied, match="--metrics"):
            await servicer.GetMetrics(metrics_pb2.GetMetricsRequest(), nobody)
        return
    answer = await servicer.GetMetrics(metrics_pb2.GetMetricsRequest(), nobody)
    assert answer.body.content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert values_in(answer.body.data)[of("perpetuo_x_total")] == 1


async def test_nobody_needs_a_credential(channel: grpc.aio.Channel) -> None:
    stub = metrics_pb2_grpc.MetricsServiceStub(channel)
    for _ in range(2):
        answer = await stub.GetMetrics(metrics_pb2.GetMetricsRequest())
    method = "/perpetuo.v1.MetricsService/GetMetrics"
    assert values_in(answer.body.data)[of("perpetuo_rpcs_total", method=method, code="OK")] == 1


@pytest.mark.parametrize(
    ("forwarded_for", "may"), [("10.0.0.1", True), ("8.8.8.8", False), ("8.8.8.8, 10.0.0.1", False)]
)
async def test_what_the_rest_face_says_of_its_caller_counts(
    channel: grpc.aio.Channel, forwarded_for: str, may: bool
) -> None:
    stub = metrics_pb2_grpc.MetricsServiceStub(channel)
    call = stub.GetMetrics(metrics_pb2.GetMetricsRequest(), metadata=(("x-forwarded-for", forwarded_for),))
    if may:
        assert (await call).body.data
    else:
        assert await refused(call) == ("PERMISSION_DENIED", "")


async def test_the_operator_can_turn_it_off(tmp_path: Path) -> None:
    async with await Core.open(ServerSettings.from_environment(data_dir=tmp_path, grace_s=0, metrics="off")) as core:
        stub = metrics_pb2_grpc.MetricsServiceStub(core.server.channel)
        assert await refused(stub.GetMetrics(metrics_pb2.GetMetricsRequest())) == ("PERMISSION_DENIED", "")
