"""The pipeline: every operation leaves exactly one record, whatever happens to it."""

import asyncio
import contextlib
import json
from typing import Any

import pytest

from server import errors
from server.chat.policy import RoutingPolicy
from server.chat.principal import Call
from server.errors import PerpetuoError
from server.pipeline import Pipeline
from tests.unit.server import virtual_time
from tests.unit.server.piped import ASKS_USAGE, BODY, DOWN, LIMITS, Script, build, call
from tests.unit.server.routing.scripted import DONE, FINISH, HI, ROLE, UNARY, USAGE, Reply, whole


async def test_an_answer_in_one_piece() -> None:
    pipeline, ledger, _ = build([whole()])
    answer = json.loads(await pipeline.complete(call(client_request_id="mine"), BODY))
    assert answer["choices"][0]["message"]["content"] == "Hello"
    assert answer["gateway_metadata"] == {
        "routed_to": "m",
        "complexity": "simple",
        "cost_usd": 5e-9,
        "latency_ms": answer["gateway_metadata"]["latency_ms"],
        "cache_hit": False,
        "provider": "openai",
        "request_id": "req_1",
        "strategy": "default",
        "attempts": 1,
    }
    [record] = ledger.records
    assert (record.status, record.outcome, record.cost_nanousd, record.is_stream) == (200, "ok", 5, False)
    assert (record.model_requested, record.model, record.provider_id, record.client_request_id) == (
        "m",
        "m",
        "p0",
        "mine",
    )
    assert [attempt.outcome for attempt in record.attempts] == ["ok"]
    assert record.usage is not None
    assert record.usage.total_tokens == 5


async def test_a_workspace_bounds_the_time_of_its_requests() -> None:
    pipeline, _, transport = build([whole(), whole()], RoutingPolicy(timeout_s=2.5))
    await pipeline.complete(call(), BODY)
    await pipeline.complete(call(is_timed=True), BODY)
    assert transport.timeouts[0].total_s <= 2.5 < transport.timeouts[1].total_s


@pytest.mark.parametrize(("member", "attempts"), [(b"", 2), (b',"gateway":{"hedge":false}', 1)], ids=["yes", "no"])
def test_a_workspace_hedges_its_requests_unless_they_say_otherwise(member: bytes, attempts: int) -> None:
    async def ask() -> int:
        slow = Reply((10.5, UNARY), 200, "application/json")
        pipeline, ledger, _ = build([slow, whole()], RoutingPolicy(hedges=True))
        await pipeline.complete(call(deadline=asyncio.get_running_loop().time() + 60), BODY[:-1] + member + b"}")
        return len(ledger.records[0].attempts)

    assert virtual_time.run(ask()) == attempts


async def test_failed_attempts_are_in_the_record_and_in_the_count() -> None:
    pipeline, ledger, _ = build([errors.UpstreamTls("no"), whole(b"{}", 503), whole()])
    answer = json.loads(await pipeline.complete(call(), BODY))
    assert answer["gateway_metadata"]["attempts"] == 3
    [record] = ledger.records
    assert [attempt.outcome for attempt in record.attempts] == ["UPSTREAM_TLS", "UPSTREAM_UNAVAILABLE", "ok"]
    assert [attempt.number for attempt in record.attempts] == [1, 2, 3]
    assert [attempt.provider_id for attempt in record.attempts] == ["p0", "p1", "p2"]
    assert [attempt.status for attempt in record.attempts] == [None, 503, 200]


@pytest.mark.parametrize("stream", [False, True], ids=["in one piece", "streamed"])
@pytest.mark.parametrize(
    ("script", "attempts"),
    [
        ([DOWN, "answers"], "2"),
        ([DOWN, LIMITS], "2"),
        (["answers"], "1"),
    ],
)
async def test_the_caller_is_told_how_many_were_asked_and_who_answered(
    script: list[Any], attempts: str, stream: bool
) -> None:
    good = Reply([HI, FINISH, DONE]) if stream else whole()
    pipeline, _, _ = build([good if entry == "answers" else entry for entry in script])
    told: list[tuple[str, str]] = []
    with contextlib.nullcontext() if "answers" in script else pytest.raises(errors.UpstreamUnavailable):
        await ask(pipeline, call(announce=told.extend), BODY, stream=stream)
    assert dict(told)["x-perpetuo-attempts"] == attempts
    assert dict(told)["x-perpetuo-provider"] == "openai"
    assert len(told) == len(dict(told))


async def test_usage_that_is_missing_is_estimated_and_flagged() -> None:
    body = UNARY.replace(b',"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}', b"")
    pipeline, ledger, _ = build([whole(body)])
    await pipeline.complete(call(), BODY)
    [record] = ledger.records
    assert record.usage is not None
    assert record.usage.is_estimated
    assert record.usage.total_tokens > 0


REFUSED = [
    ("a body that is wrong", b"{}", [], "REQUEST_INVALID", 400, 0),
    (
        "a strategy that is unknown",
        BODY[:-1] + b',"gateway":{"strategy":"sideways"}}',
        [],
        "REQUEST_INVALID",
        400,
        0,
    ),
    ("every candidate down", BODY, [DOWN], "UPSTREAM_UNAVAILABLE", 503, 1),
    ("every candidate limiting", BODY, [LIMITS, LIMITS], "UPSTREAM_RATE_LIMITED", 429, 2),
    ("a request that is blamed", BODY, [whole(b"{}", 400)], "REQUEST_INVALID", 400, 1),
]


@pytest.mark.parametrize("stream", [False, True], ids=["in one piece", "streamed"])
@pytest.mark.parametrize(
    ("body", "script", "reason", "status", "attempts"),
    [case[1:] for case in REFUSED],
    ids=[case[0] for case in REFUSED],
)
async def test_a_refusal_leaves_one_record(
    body: bytes, script: Script, reason: str, status: int, attempts: int, stream: bool
) -> None:
    pipeline, ledger, transport = build(script)
    with pytest.raises(PerpetuoError) as caught:
        if stream:
            async for _ in pipeline.stream(call(), body):
                raise AssertionError("nothing may be sent")
        else:
            await pipeline.complete(call(), body)
    assert caught.value.reason == reason
    [record] = ledger.records
    assert (record.outcome, record.status, len(record.attempts)) == (reason, status, attempts)
    assert len(transport.sent) == attempts


async def ask(pipeline: Pipeline, asked: Call, body: bytes, *, stream: bool) -> None:
    if not stream:
        await pipeline.complete(asked, body)
        return
    async for _ in pipeline.stream(asked, body):
        pass


@pytest.mark.parametrize("stream", [False, True], ids=["in one piece", "streamed"])
async def test_a_call_above_the_limit_is_refused_before_any_provider_and_recorded(stream: bool) -> None:
    pipeline, ledger, transport = build([whole(b"{}", 400)] * 20)
    for _ in range(20):
        with pytest.raises(errors.RequestInvalid):
            await ask(pipeline, call(), BODY, stream=stream)
    told: list[tuple[str, str]] = []
    with pytest.raises(errors.RateLimited):
        await ask(pipeline, call(announce=told.extend), BODY, stream=stream)
    assert len(transport.sent) == 20
    assert (ledger.records[-1].outcome, ledger.records[-1].status) == ("RATE_LIMITED", 429)
    assert ledger.records[-1].attempts == ()
    assert dict(told)["x-ratelimit-remaining"] == "0"


@pytest.mark.parametrize("stream", [False, True], ids=["in one piece", "streamed"])
async def test_an_invalid_call_costs_nothing(stream: bool) -> None:
    pipeline, _, _ = build([Reply([HI, FINISH, DONE]) if stream else whole()])
    told: list[tuple[str, str]] = []
    for body in (b"{}", b"nope", BODY[:-1] + b',"gateway":{"strategy":"nope"}}'):
        with pytest.raises(PerpetuoError):
            await ask(pipeline, call(announce=told.extend), body, stream=stream)
    assert told == []
    await ask(pipeline, call(announce=told.extend), BODY, stream=stream)
    assert dict(told)["x-ratelimit-remaining"] == "19"


async def collect(pipeline: Pipeline, body: bytes = BODY) -> list[dict[str, Any]]:
    return [json.loads(event) async for events in pipeline.stream(call(), body) for event in events]


WHOLE: list[tuple[str, list[Any], bytes, int, bool]] = [
    ("usage and the end", [ROLE, HI, FINISH, USAGE, DONE], BODY, 3, False),
    ("usage asked for", [ROLE, HI, FINISH, USAGE, DONE], ASKS_USAGE, 4, True),
    ("no usage", [HI, FINISH, DONE], BODY, 2, False),
    ("no usage, asked for", [HI, FINISH, DONE], ASKS_USAGE, 3, True),
    ("no end but a finish", [HI, FINISH], BODY, 2, False),
    ("an end but no finish", [HI, DONE], BODY, 2, False),
    ("all in one piece", [ROLE + HI + FINISH + USAGE + DONE], BODY, 3, False),
]


@pytest.mark.parametrize(
    ("pieces", "body", "count", "has_usage"), [case[1:] for case in WHOLE], ids=[case[0] for case in WHOLE]
)
async def test_a_whole_stream_ends_with_the_metadata(
    pieces: list[Any], body: bytes, count: int, has_usage: bool
) -> None:
    reply = Reply(pieces)
    pipeline, ledger, _ = build([reply])
    events = await collect(pipeline, body)
    assert len(events) == count
    assert events[-1]["gateway_metadata"]["request_id"] == "req_1"
    assert bool(events[-1].get("usage")) is has_usage
    [record] = ledger.records
    assert (record.status, record.outcome, record.is_stream) == (200, "ok", True)
    assert record.attempts[0].outcome == "ok"
    assert record.first_token_ms is not None
    assert record.usage is not None
    assert record.usage.is_estimated is (USAGE not in b"".join(pieces))
    assert reply.is_closed


BROKEN: list[tuple[str, list[Any]]] = [
    ("a reset", [ROLE, HI, errors.UpstreamReset("reset")]),
    ("silence beyond the limit", [HI, errors.UpstreamTimeout("silent")]),
    ("an end without a finish", [ROLE, HI]),
    ("an error event", [HI, b'data: {"error":{"message":"boom","type":"server_error"}}\n\n']),
]


@pytest.mark.parametrize("pieces", [case[1] for case in BROKEN], ids=[case[0] for case in BROKEN])
async def test_a_broken_stream_is_never_presented_as_whole(pieces: list[Any]) -> None:
    reply = Reply(pieces)
    pipeline, ledger, transport = build([reply, whole()])
    seen = []
    with pytest.raises(errors.UpstreamStreamInterrupted):
        async for events in pipeline.stream(call(), BODY):
            seen += [json.loads(event) for event in events]
    assert seen
    assert not any("gateway_metadata" in event for event in seen)
    assert len(transport.sent) == 1
    [record] = ledger.records
    assert (record.status, record.outcome) == (200, "UPSTREAM_STREAM_INTERRUPTED")
    assert record.attempts[0].outcome == "UPSTREAM_STREAM_INTERRUPTED"
    assert record.usage is not None
    assert (record.usage.output_tokens, record.usage.is_estimated) == (1, True)
    assert record.attempts[0].usage == record.usage
    assert record.cost_nanousd == record.usage.total_tokens
    assert reply.is_closed


async def test_leaving_a_stream_settles_once_and_closes_the_upstream() -> None:
    reply = Reply([HI, HI, 60.0])
    pipeline, ledger, _ = build([reply])
    stream = pipeline.stream(call(), BODY)
    assert await anext(stream)
    await stream.aclose()
    [record] = ledger.records
    assert (record.outcome, record.status) == ("CLIENT_GONE", 200)
    assert record.usage is not None
    assert (record.usage.output_tokens, record.usage.is_estimated) == (1, True)
    assert [(attempt.outcome, attempt.usage) for attempt in record.attempts] == [("CLIENT_GONE", record.usage)]
    assert reply.is_closed


async def test_leaving_before_the_first_content_settles_once() -> None:
    reply = Reply([ROLE, 60.0])
    pipeline, ledger, _ = build([reply])
    task = asyncio.ensure_future(collect(pipeline))
    await reply.is_read.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    [record] = ledger.records
    assert (record.outcome, record.status) == ("CLIENT_GONE", 499)
    assert [attempt.outcome for attempt in record.attempts] == ["CLIENT_GONE"]
    assert reply.is_closed


async def test_leaving_a_call_in_one_piece_settles_once() -> None:
    reply = Reply([b"{", 60.0], 200, "application/json")
    pipeline, ledger, _ = build([reply])
    task = asyncio.ensure_future(pipeline.complete(call(), BODY))
    await reply.is_read.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    [record] = ledger.records
    assert (record.outcome, record.status) == ("CLIENT_GONE", 499)
    assert reply.is_closed


async def test_the_method_decides_about_streaming_whatever_the_body_says() -> None:
    pipeline, _, transport = build([whole()])
    await pipeline.complete(call(), BODY[:-1] + b',"stream":true}')
    assert "stream" not in json.loads(transport.sent[0].body)
    pipeline, _, transport = build([Reply([HI, FINISH, DONE])])
    await collect(pipeline, BODY[:-1] + b',"stream":false}')
    assert json.loads(transport.sent[0].body)["stream"] is True
