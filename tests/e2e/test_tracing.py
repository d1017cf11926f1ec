"""Spans in a collector on a real socket: requests and their calls, the traces of callers, and no content."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest_asyncio
from aiohttp import web

from tests.e2e.gateway import Gateway, gateway
from tests.unit.server.telemetry.test_spans import told

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SECRET = "what nobody else may read"


class Collector:
    """Takes spans, as OTLP over HTTP with JSON sends them."""

    def __init__(self) -> None:
        self.spans: list[dict[str, Any]] = []
        self.resources: list[Any] = []
        self.text = ""
        self.tokens: set[str | None] = set()
        self._news = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        self.tokens.add(request.headers.get("x-token"))
        assert request.content_type == "application/json"
        self.text += (text := await request.text())
        for resource in json.loads(text)["resourceSpans"]:
            self.resources += resource["resource"]["attributes"]
            for scope in resource["scopeSpans"]:
                self.spans += scope["spans"]
        self._news.set()
        return web.json_response({})

    async def of(self, request_id: str) -> list[dict[str, Any]]:
        """The spans of a request, its own first, once they are here."""
        async with asyncio.timeout(60):
            while not (found := self._of(request_id)):
                self._news.clear()
                await self._news.wait()
        return found

    def _of(self, request_id: str) -> list[dict[str, Any]]:
        own = [span for span in self.spans if told(span).get("perpetuo.request_id") == request_id]
        return own + [span for span in self.spans if own and span.get("parentSpanId") == own[0]["spanId"]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def traced(tmp_path_factory: Any) -> AsyncIterator[tuple[Gateway, Collector]]:
    collector = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", collector.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    options = ("--otlp-url", f"http://{host}:{port}", "--otlp-headers", "x-token=s3cret")
    async with gateway(tmp_path_factory.mktemp("traced"), *options) as running:
        yield running, collector
    await runner.cleanup()


async def asked(perpetuo: Gateway, path: str, headers: dict[str, str] | None = None, **body: Any) -> httpx2.Response:
    more = {"authorization": f"Bearer {perpetuo.demo_key}", **(headers or {})}
    async with httpx2.AsyncClient(base_url=perpetuo.url, headers=more, timeout=60) as http:
        return await http.post(path, json={"messages": [{"role": "user", "content": SECRET}], **body})


async def test_a_request_and_its_calls_are_spans_of_one_trace(traced: tuple[Gateway, Collector]) -> None:
    perpetuo, collector = traced
    answer = await asked(perpetuo, "/v1/chat/completions", model="demo/echo")
    own, call = await collector.of(answer.headers["x-request-id"])
    members = told(own)
    usage = answer.json()["usage"]
    assert (own["name"], members["gen_ai.operation.name"], members["gen_ai.provider.name"]) == (
        "chat demo/echo",
        "chat",
        "demo",
    )
    assert members["gen_ai.response.finish_reasons"] == ["stop"]
    assert members["gen_ai.usage.input_tokens"] == usage["prompt_tokens"]
    assert members["gen_ai.usage.output_tokens"] == usage["completion_tokens"]
    assert members["perpetuo.cost_usd"] == answer.json()["gateway_metadata"]["cost_usd"]
    assert (call["traceId"], told(call)["gen_ai.request.model"]) == (own["traceId"], "echo")
    assert int(own["startTimeUnixNano"]) - 2_000_000 <= int(call["startTimeUnixNano"]) <= int(own["endTimeUnixNano"])
    assert collector.tokens == {"s3cret"}
    assert {"key": "service.name", "value": {"stringValue": "perpetuo"}} in collector.resources


async def test_a_stream_and_a_failure_by_other_faces(traced: tuple[Gateway, Collector]) -> None:
    perpetuo, collector = traced
    stream = await asked(perpetuo, "/v1/messages", model="demo/echo", max_tokens=50, stream=True)
    members = told((await collector.of(stream.headers["x-request-id"]))[0])
    assert members["perpetuo.surface"] == "rest/messages"
    assert members["gen_ai.response.finish_reasons"] == ["stop"]
    assert members["gen_ai.response.time_to_first_chunk"] >= 0
    failed = await asked(perpetuo, "/v1/chat/completions", model="demo/error-500")
    own, *calls = await collector.of(failed.headers["x-request-id"])
    assert (own["status"]["code"], told(own)["error.type"]) == (2, "UPSTREAM_UNAVAILABLE")
    assert told(own)["http.response.status_code"] == failed.status_code
    assert len(calls) == int(failed.headers["x-perpetuo-attempts"]) > 1
    assert [told(call)["perpetuo.attempt"] for call in calls] == list(range(1, len(calls) + 1))


async def test_a_caller_who_traces_has_them_in_its_trace_or_not_at_all(traced: tuple[Gateway, Collector]) -> None:
    perpetuo, collector = traced
    parents = [{"traceparent": f"00-{TRACE}-{SPAN}-{flags}"} for flags in ("01", "00")]
    answers = [await asked(perpetuo, "/v1/chat/completions", parent, model="demo/echo") for parent in parents]
    own, call = await collector.of(answers[0].headers["x-request-id"])
    assert (own["traceId"], own["parentSpanId"], call["traceId"]) == (TRACE, SPAN, TRACE)
    later = await asked(perpetuo, "/v1/chat/completions", model="demo/echo")
    await collector.of(later.headers["x-request-id"])
    assert answers[1].headers["x-request-id"] not in collector.text
    assert SECRET not in collector.text
