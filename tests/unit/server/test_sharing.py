"""Sharing, through the whole pipeline: one upstream call for all, whoever leaves, and honest about it."""

import asyncio
import json

import pytest
from msgspec.structs import replace

from server import errors
from tests.unit.server.routing.scripted import DONE, FINISH, HI, ROLE, UNARY, USAGE, Reply, whole
from tests.unit.server.shared_stage import (
    COLD,
    STREAMED,
    WARM,
    call,
    collect,
    complete,
    stage,
    streamed,
    text_of,
    under_way,
    until_joined,
)


async def test_a_second_request_is_answered_from_the_cache() -> None:
    on = stage(whole())
    first, second = await complete(on), await complete(on)
    assert len(on.gate.sent) == 1
    assert first["choices"] == second["choices"]
    assert first["usage"] == second["usage"]
    one, two = first["gateway_metadata"], second["gateway_metadata"]
    assert (one["cache_hit"], one["cost_usd"], one["attempts"]) == (False, 5e-9, 1)
    assert (two["cache_hit"], two["cost_usd"], two["attempts"], two["routed_to"]) == (True, 0.0, 0, "m")
    assert [record.is_cache_hit for record in on.records] == [False, True]
    assert [record.cost_nanousd for record in on.records] == [5, 0]
    assert [len(record.attempts) for record in on.records] == [1, 0]
    assert on.records[1].usage == on.records[0].usage
    assert on.records[1].provider_id == "p"


CONTROLLED: list[tuple[str, bytes, dict[str, str], int]] = [
    ("a warm request is not kept", WARM, {}, 2),
    ("but with an age it is", WARM, {"cache": "max-age=60"}, 1),
    ("with an age in the header too", WARM, {"cache_control": "max-age=60"}, 1),
    ("no-cache asks again", COLD, {"cache_control": "no-cache"}, 2),
    ("no-store asks again", COLD, {"cache_control": "no-store"}, 2),
    ("a body that says so", COLD[:-1] + b',"gateway":{"cache":"no-store"}}', {}, 2),
]


@pytest.mark.parametrize(
    ("body", "knobs", "calls"), [case[1:] for case in CONTROLLED], ids=[case[0] for case in CONTROLLED]
)
async def test_requests_control_the_cache(body: bytes, knobs: dict[str, str], calls: int) -> None:
    on = stage(whole(), whole())
    await complete(on, body, **knobs)
    await complete(on, body, **knobs)
    assert len(on.gate.sent) == calls


async def test_no_cache_refreshes_what_is_kept() -> None:
    on = stage(whole(), whole(UNARY.replace(b"Hello", b"Newer")))
    await complete(on)
    await complete(on, cache="no-cache")
    assert (await complete(on))["choices"][0]["message"]["content"] == "Newer"
    assert len(on.gate.sent) == 2


async def test_tenants_are_apart() -> None:
    on = stage(whole(), whole(UNARY.replace(b"Hello", b"Other")))
    first = await complete(on, workspace="ws_1")
    second = await complete(on, workspace="ws_2")
    assert first["choices"] != second["choices"]
    assert len(on.gate.sent) == 2


async def test_a_kept_answer_is_replayed_as_a_stream() -> None:
    on = stage(whole())
    await complete(on)
    events = await collect(on)
    assert text_of(events) == "Hello"
    assert [event["choices"][0]["finish_reason"] for event in events] == [None, "stop"]
    assert events[-1]["gateway_metadata"]["cache_hit"] is True
    asked = await collect(on, STREAMED[:-1] + b',"stream_options":{"include_usage":true}}')
    assert asked[-1]["usage"]["total_tokens"] == 5
    assert len(on.gate.sent) == 1


async def test_a_kept_stream_is_answered_in_one_piece() -> None:
    on = stage(streamed())
    events = await collect(on)
    assert events[-1]["gateway_metadata"]["cache_hit"] is False
    answer = await complete(on)
    assert answer["choices"][0]["message"]["content"] == text_of(events) == "HiHi"
    assert (answer["object"], answer["choices"][0]["finish_reason"]) == ("chat.completion", "stop")
    assert answer["usage"]["total_tokens"] == 5
    assert answer["gateway_metadata"]["cache_hit"] is True
    assert [record.cost_nanousd for record in on.records] == [5, 0]
    assert on.records[0].attempts[0].outcome == "ok"
    assert len(on.gate.sent) == 1


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(whole(b"{}", 400), id="an error"),
        pytest.param(whole(UNARY.replace(b'"stop"', b'"content_filter"')), id="a filtered answer"),
    ],
)
async def test_what_is_not_an_answer_is_not_kept(reply: Reply) -> None:
    on = stage(reply, whole())
    with_error = reply.status == 400
    if with_error:
        with pytest.raises(errors.RequestInvalid):
            await complete(on)
    else:
        await complete(on)
    assert (await complete(on))["gateway_metadata"]["cache_hit"] is False
    assert len(on.gate.sent) == 2


async def test_a_stream_that_broke_is_not_kept() -> None:
    on = stage(Reply([HI, errors.UpstreamReset("reset")]), streamed())
    with pytest.raises(errors.UpstreamStreamInterrupted) as caught:
        await collect(on)
    assert caught.value.message.count("broke") == 1
    assert (on.records[0].outcome, on.records[0].status) == ("UPSTREAM_STREAM_INTERRUPTED", 200)
    assert on.records[0].attempts[0].outcome == "UPSTREAM_STREAM_INTERRUPTED"
    assert text_of(await collect(on)) == "HiHi"
    assert len(on.gate.sent) == 2


async def test_500_at_once_are_one_upstream_call() -> None:
    on = stage(whole(), is_open=False)
    waiting = [asyncio.ensure_future(complete(on)) for _ in range(500)]
    await until_joined(on, 500)
    on.gate.is_open.set()
    answers = await asyncio.gather(*waiting)
    assert len(on.gate.sent) == 1
    assert {answer["choices"][0]["message"]["content"] for answer in answers} == {"Hello"}
    assert sorted(answer["gateway_metadata"]["cache_hit"] for answer in answers) == [False] + [True] * 499
    assert len(on.records) == 500
    assert sum(record.cost_nanousd or 0 for record in on.records) == 5
    assert sum(len(record.attempts) for record in on.records) == 1


async def test_500_streams_at_once_are_one_upstream_call_and_all_see_it_grow() -> None:
    on = stage(streamed(), is_open=False)
    waiting = [asyncio.ensure_future(collect(on)) for _ in range(500)]
    await until_joined(on, 500)
    on.gate.is_open.set()
    streams = await asyncio.gather(*waiting)
    assert len(on.gate.sent) == 1
    assert {text_of(events) for events in streams} == {"HiHi"}
    assert {len(events) for events in streams} == {4}
    assert sum(events[-1]["gateway_metadata"]["cache_hit"] for events in streams) == 499


@pytest.mark.parametrize("leads", ["complete", "collect"])
@pytest.mark.parametrize("follows", ["complete", "collect"])
async def test_the_leader_leaves_without_hurting_the_others(leads: str, follows: str) -> None:
    asks = {"complete": complete, "collect": collect}
    on = stage(whole() if leads == "complete" else streamed(), is_open=False)
    leader = asyncio.ensure_future(asks[leads](on))
    await under_way(on)
    others = [asyncio.ensure_future(asks[follows](on)) for _ in range(20)]
    await until_joined(on, 21)
    leader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leader
    on.gate.is_open.set()
    assert len(await asyncio.gather(*others)) == 20
    assert len(on.gate.sent) == 1
    left = [record for record in on.records if record.outcome == "CLIENT_GONE"]
    assert len(left) == 1
    assert (left[0].cost_nanousd, left[0].attempts[0].outcome, left[0].is_cache_hit) == (5, "ok", False)
    assert len(on.records) == 21


async def test_a_leader_that_leaves_in_mid_stream_leaves_the_rest_to_the_others() -> None:
    reply = Reply([ROLE, HI, 0.02, HI, FINISH, USAGE, DONE])
    on = stage(reply)
    leader = on.pipeline.stream(call(), STREAMED)
    assert await anext(leader)
    other = asyncio.ensure_future(collect(on))
    await until_joined(on, 2)
    await leader.aclose()
    assert text_of(await other) == "HiHi"
    assert len(on.gate.sent) == 1
    assert reply.is_closed
    assert sorted(record.outcome for record in on.records) == ["CLIENT_GONE", "ok"]


async def test_everybody_is_in_the_books_before_the_last_bytes_go_out() -> None:
    on = stage(streamed(), is_open=False)

    async def follow(number: int) -> None:
        request_id = f"req_{number}"
        asked = replace(call(), request_id=request_id)
        async for events in on.pipeline.stream(asked, STREAMED):
            is_last = b"gateway_metadata" in events[-1]
            assert is_last is (request_id in {record.request_id for record in on.records})

    streams = [asyncio.ensure_future(follow(number)) for number in range(20)]
    await until_joined(on, 20)
    on.gate.is_open.set()
    await asyncio.gather(*streams)
    await follow(20)
    led = [record for record in on.records if record.attempts]
    assert [record.attempts[0].outcome for record in led] == ["ok"]
    assert {record.outcome for record in on.records} == {"ok"}
    assert sorted(start.number for start in on.starts) == [0] * 20 + [1]
    assert {start.is_cache_hit for start in on.starts if start.number == 0} == {True}


async def test_the_call_ends_when_everybody_has_left() -> None:
    reply = Reply([b"{", 60.0], 200, "application/json")
    on = stage(reply)
    waiting = [asyncio.ensure_future(complete(on)) for _ in range(3)]
    await reply.is_read.wait()
    for task in waiting:
        task.cancel()
    assert await asyncio.gather(*waiting, return_exceptions=True)
    async with asyncio.timeout(60):
        while len(on.records) < 3:
            await asyncio.sleep(0)
    assert reply.is_closed
    assert [record.outcome for record in on.records] == ["CLIENT_GONE"] * 3
    assert len(on.sharing.flights) == 0


async def test_stopping_tells_those_who_wait() -> None:
    on = stage(whole(), is_open=False)
    waiting = [asyncio.ensure_future(complete(on)) for _ in range(2)]
    await until_joined(on, 2)
    await on.sharing.close()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(result) for result in results} == {errors.Draining}


async def test_an_estimated_usage_is_the_same_when_it_is_streamed_from_the_cache() -> None:
    said = {"role": "assistant", "content": "one two three four"}
    body = json.dumps({"model": "m", "choices": [{"index": 0, "message": said, "finish_reason": "stop"}]}).encode()
    on = stage(whole(body))
    await complete(on)
    await collect(on, COLD[:-1] + b',"stream":true}')
    first, second = on.records
    assert first.usage is not None
    assert first.usage.is_estimated
    assert (second.is_cache_hit, second.usage, second.cost_nanousd) == (True, first.usage, 0)
    assert second.saved_nanousd == first.cost_nanousd
