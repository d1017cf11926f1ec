"""Spans on their way: sent together behind the requests, bounded, and dropped where nobody takes them."""

import asyncio
import json
import random
from typing import Any

import pytest
from msgspec.structs import replace

from server import errors
from server.errors import PerpetuoError
from server.telemetry import tracing
from server.telemetry.spans import SCHEMA, Answered
from server.telemetry.tracing import SpanExporter, TraceRules
from tests.unit.server.routing.scripted import Reply, ScriptedTransport, whole
from tests.unit.server.telemetry.test_spans import RECORD, SPAN, TRACE

ONE = replace(RECORD, attempts=())


def exporter(*script: Reply | PerpetuoError, ratio: float = 1.0) -> tuple[SpanExporter, ScriptedTransport]:
    transport = ScriptedTransport([*script])
    rules = TraceRules("http://collector:4318/", {"x-token": "s3cret"}, ratio, {"service.name": "perpetuo"})
    return SpanExporter(rules, transport, lambda provider: provider, random.Random(7)), transport


def spans(transport: ScriptedTransport, number: int = 0) -> list[Any]:
    (resource,) = json.loads(transport.sent[number].body)["resourceSpans"]
    (scope,) = resource["scopeSpans"]
    assert scope["schemaUrl"] == SCHEMA
    assert resource["resource"]["attributes"] == [{"key": "service.name", "value": {"stringValue": "perpetuo"}}]
    found: list[Any] = scope["spans"]
    return found


async def test_what_waits_is_sent_together() -> None:
    made, transport = exporter(whole(b"{}"))
    made.settle(RECORD, "", Answered())
    made.settle(RECORD, "", Answered())
    assert transport.sent == []
    await made.close()
    (sent,) = transport.sent
    assert (sent.method, sent.url) == ("POST", "http://collector:4318/v1/traces")
    assert (sent.headers["x-token"], sent.headers["Content-Type"]) == ("s3cret", "application/json")
    assert len(spans(transport)) == 6
    assert len({span["traceId"] for span in spans(transport)}) == 2
    assert made.dropped == 0


async def test_it_is_sent_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "EVERY_S", 0.001)
    made, transport = exporter(whole(b"{}"), whole(b"{}"))
    for number in (1, 2):
        made.settle(ONE, "", Answered())
        async with asyncio.timeout(20):
            while len(transport.sent) < number:
                await asyncio.sleep(0.001)
    await made.close()
    assert [len(spans(transport, number)) for number in (0, 1)] == [1, 1]


async def test_many_are_sent_at_once_and_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "MAX_SENT", 2)
    made, transport = exporter(*(whole(b"{}") for _ in range(3)))
    for _ in range(5):
        made.settle(ONE, "", Answered())
    await made.close()
    assert [len(spans(transport, number)) for number in range(3)] == [2, 2, 1]


FLAGS = [("01", 1.0, 1), ("01", 0.0, 1), ("00", 1.0, 0)]


@pytest.mark.parametrize(("flags", "ratio", "count"), FLAGS)
async def test_a_caller_who_traces_decides(flags: str, ratio: float, count: int) -> None:
    made, transport = exporter(whole(b"{}"), ratio=ratio)
    made.settle(ONE, f"00-{TRACE}-{SPAN}-{flags}", Answered())
    await made.close()
    assert len(transport.sent) == count


async def test_of_others_a_share_is_traced() -> None:
    made, transport = exporter(*(whole(b"{}") for _ in range(9)), ratio=0.25)
    for _ in range(1000):
        made.settle(ONE, "", Answered())
    await made.close()
    assert 200 < sum(len(spans(transport, number)) for number in range(len(transport.sent))) < 300


async def test_what_finds_no_room_is_dropped_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "MAX_WAITING", 4)
    made, transport = exporter(whole(b"{}"))
    for _ in range(3):
        made.settle(RECORD, "", Answered())
    assert made.dropped == 6
    await made.close()
    assert len(spans(transport)) == 3


async def test_a_collector_that_is_away_is_asked_again_and_then_given_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(tracing, "EVERY_S", 0.001)
    script: list[Reply | PerpetuoError] = [
        errors.UpstreamUnavailable("refused"),
        whole(b"", 503),
        whole(b"", 429),
        whole(b"{}"),
    ]
    made, transport = exporter(*script)
    made.settle(ONE, "", Answered())
    async with asyncio.timeout(20):
        while not made.dropped:
            await asyncio.sleep(0.001)
    made.settle(ONE, "", Answered())
    await made.close()
    assert (len(transport.sent), made.dropped) == (4, 1)
    assert "answered 429" in caplog.text
    assert "s3cret" not in caplog.text


async def test_what_a_collector_refuses_is_not_sent_again(caplog: pytest.LogCaptureFixture) -> None:
    made, transport = exporter(whole(b"no", 400))
    made.settle(ONE, "", Answered())
    await made.close()
    assert (len(transport.sent), made.dropped) == (1, 1)
    assert "answered 400" in caplog.text


async def test_a_collector_that_is_silent_holds_up_nobody_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "_CLOSE_S", 0.02)
    made, transport = exporter(Reply((60.0,), 200))
    made.settle(ONE, "", Answered())
    await made.close()
    assert (len(transport.sent), made.dropped) == (1, 1)
