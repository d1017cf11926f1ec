"""Calls that several wait for, and which fail or run out of time: what each of them is told."""

import asyncio
from typing import Any

import pytest

from server import errors
from tests.unit.server.routing.scripted import DONE, FINISH, HI, USAGE, Reply, whole
from tests.unit.server.shared_stage import collect, complete, stage, streamed, text_of, under_way, until_joined


@pytest.mark.parametrize("ask", [complete, collect], ids=["in one piece", "streamed"])
async def test_a_leader_that_fails_does_not_fail_the_others(ask: Any) -> None:
    good = whole() if ask is complete else streamed()
    on = stage(errors.UpstreamTls("no"), good, is_open=False)
    waiting = [asyncio.ensure_future(ask(on)) for _ in range(50)]
    await until_joined(on, 50)
    on.gate.is_open.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    failed = [result for result in results if isinstance(result, BaseException)]
    assert [type(error) for error in failed] == [errors.UpstreamTls]
    assert len(on.gate.sent) == 2
    assert sorted(record.outcome for record in on.records) == ["UPSTREAM_TLS"] + ["ok"] * 49


async def test_what_the_request_is_to_blame_for_is_told_to_all() -> None:
    on = stage(whole(b'{"error":{"message":"bad"}}', 400), is_open=False)
    waiting = [asyncio.ensure_future(complete(on)) for _ in range(10)]
    await until_joined(on, 10)
    on.gate.is_open.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(result) for result in results} == {errors.RequestInvalid}
    assert len(on.gate.sent) == 1


@pytest.mark.parametrize("ask", [complete, collect], ids=["in one piece", "streamed"])
async def test_providers_that_keep_failing_are_not_asked_once_by_everybody(ask: Any) -> None:
    on = stage(*[errors.UpstreamTls("no")] * 10, is_open=False)
    waiting = [asyncio.ensure_future(ask(on)) for _ in range(100)]
    await until_joined(on, 100)
    on.gate.is_open.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert {type(result) for result in results} == {errors.UpstreamTls}
    assert len(on.gate.sent) == 3
    assert {record.outcome for record in on.records} == {"UPSTREAM_TLS"}
    assert [len(record.attempts) for record in on.records if record.attempts] == [1, 1, 1]


@pytest.mark.parametrize("ask", [complete, collect], ids=["in one piece", "streamed"])
async def test_a_leader_with_little_time_does_not_end_the_others_call(ask: Any) -> None:
    on = stage(whole() if ask is complete else streamed(), is_open=False)
    leader = asyncio.ensure_future(ask(on, seconds=0.2))
    await under_way(on)
    others = [asyncio.ensure_future(ask(on)) for _ in range(5)]
    await until_joined(on, 6)
    with pytest.raises(errors.DeadlineExceeded, match="while a provider was being asked"):
        await leader
    on.gate.is_open.set()
    assert len(await asyncio.gather(*others)) == 5
    assert len(on.gate.sent) == 1
    assert sorted(record.outcome for record in on.records) == ["DEADLINE_EXCEEDED"] + ["ok"] * 5


async def test_a_stream_goes_on_for_the_others_when_its_leader_has_no_more_time() -> None:
    on = stage(Reply([HI, 0.3, HI, FINISH, USAGE, DONE]))
    leader = asyncio.ensure_future(collect(on, seconds=0.1))
    await under_way(on)
    other = asyncio.ensure_future(collect(on))
    with pytest.raises(errors.DeadlineExceeded):
        await leader
    assert text_of(await other) == "HiHi"
    assert len(on.gate.sent) == 1


async def test_a_call_that_nobody_waits_for_ends_with_its_leaders_time() -> None:
    reply = Reply([b"{", 60.0], 200, "application/json")
    on = stage(reply)
    with pytest.raises(errors.DeadlineExceeded):
        await complete(on, seconds=0.05)
    async with asyncio.timeout(60):
        while not on.records:
            await asyncio.sleep(0)
    assert reply.is_closed
    assert (on.records[0].outcome, on.records[0].attempts[0].outcome) == ("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED")


async def test_who_has_far_more_time_than_a_call_makes_one_of_its_own() -> None:
    on = stage(whole(), whole(), is_open=False)
    on.sharing.usual_s = 1.0
    waiting = [asyncio.ensure_future(complete(on, seconds=seconds)) for seconds in (5.0, 8.0, 60.0)]
    await under_way(on, calls=2)
    on.gate.is_open.set()
    hits = [answer["gateway_metadata"]["cache_hit"] for answer in await asyncio.gather(*waiting)]
    assert hits == [False, True, False]


async def test_who_waits_for_another_keeps_to_the_own_deadline() -> None:
    on = stage(whole(), is_open=False)
    leader = asyncio.ensure_future(complete(on))
    await under_way(on)
    with pytest.raises(errors.DeadlineExceeded):
        await complete(on, seconds=0.02)
    on.gate.is_open.set()
    assert (await leader)["gateway_metadata"]["cache_hit"] is False
