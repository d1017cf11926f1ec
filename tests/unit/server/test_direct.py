"""Calls made directly end as those made with messages do: the same answer, metadata, status, record and task."""

import asyncio
import io
import logging
from typing import Any

import grpc
import pytest
import structlog

from server.inprocess.direct import DirectCall
from server.telemetry.logs import LogFormat, configure
from tests.unit.server.direct_stage import KEY, LIMIT_BYTES, METHOD, WAYS, FullDoor, Stage, staged

CASES = {
    "an answer": (KEY, b"{}"),
    "an answer with metadata": (KEY, b"announce"),
    "an answer of nothing": (KEY, b"0"),
    "metadata that cannot be sent": (KEY, b"nothing printable"),
    "metadata that are bytes": (KEY, b"not text"),
    "metadata whose text came as bytes": (KEY, b"text as bytes"),
    "too much metadata": (KEY, b"much"),
    "a refusal": (KEY, b"unknown model"),
    "a refusal with metadata that cannot be sent": (KEY, b"unspeakable refusal"),
    "a defect": (KEY, b"defect"),
    "a service that is cancelled by itself": (KEY, b"cancelled by itself"),
    "the largest answer": (KEY, b"1976"),
    "an answer that is one byte too large": (KEY, b"1977"),
    "an answer that is much too large": (KEY, b"5000"),
    "no key": ((), b"{}"),
    "a key that nobody knows": ((("x-api-key", "gw_2"),), b"{}"),
    "another scheme": ((("authorization", "Basic abc"),), b"{}"),
    "a token in the place of a key": ((("authorization", "Bearer eyJ.a.b"),), b"{}"),
}


@pytest.mark.parametrize("case", CASES)
async def test_a_call_ends_the_same_by_all_ways(case: str) -> None:
    metadata, body = CASES[case]
    async with staged() as stage:
        ends = [await stage.end(way, metadata, body) for way in WAYS]
    assert ends == [ends[0]] * len(WAYS)
    assert stage.lines == [stage.lines[0]] * len(WAYS)


async def test_calls_of_all_ways_are_counted_and_logged_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    root, written = logging.getLogger(), io.StringIO()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    configure(LogFormat.JSON, "INFO", written)
    async with staged(has_access_log=True) as stage:
        ends = [await stage.end(way, KEY, body) for body in (b"{}", b"{}", b"unknown model") for way in WAYS]
    structlog.reset_defaults()
    assert stage.lines == [(METHOD, "OK")] * 10 + [(METHOD, "NOT_FOUND")] * 5
    assert [written.getvalue().count(f'"code":"{code}"') for code in ("OK", "NOT_FOUND")] == [10, 5]
    assert len(ends) == len({line.partition('"request_id"')[2][:60] for line in written.getvalue().splitlines()})


async def test_each_answer_of_many_has_its_own_metadata() -> None:
    bodies = b"announce", b"{}", b"announce", b"announce", b"not text", b"{}", b"{}", b"much", b"announce", b"0"
    alone, in_turn = [], []
    for body in bodies:
        async with staged() as stage:
            alone.append(await stage.end("direct", KEY, body))
    async with staged() as stage:
        for _ in range(2):
            in_turn += [await stage.end("direct", KEY, body) for body in bodies]
    assert in_turn == alone * 2


async def test_the_largest_answer_is_just_within_the_limit() -> None:
    async with staged() as stage:
        assert len((await stage.ask("direct", KEY, b"1976"))[0]) == 1976
        with pytest.raises(grpc.aio.AioRpcError, match=r"2001 vs\. 2000"):
            await stage.ask("direct", KEY, b"1977")


@pytest.mark.parametrize("way", WAYS)
async def test_nobody_is_let_in_at_a_door_that_is_shut(way: str) -> None:
    async with staged(FullDoor()) as stage:
        code, details, *_ = await stage.end(way, KEY, b"{}")
    assert (code, details, stage.script.calls) == (grpc.StatusCode.UNAVAILABLE, "Full.", [])
    assert stage.lines == [(METHOD, "UNAVAILABLE")]


async def test_what_the_service_is_told_of_a_call_is_the_same_by_all_ways() -> None:
    metadata = (
        *KEY,
        ("x-request-id", "mine"),
        ("x-perpetuo-surface", "rest"),
        ("x-perpetuo-cache", "off"),
        ("idempotency-key", "k"),
        ("traceparent", "00-1-2-01"),
    )
    async with staged() as stage:
        for way in WAYS:
            await stage.ask(way, metadata, b"{}")
    seen = [
        (each.principal, each.surface, each.client_request_id, dict(each.knobs), each.is_timed, each.traceparent)
        for each in stage.script.calls
    ]
    assert seen == [seen[0]] * len(WAYS)
    assert seen[0][1:] == ("rest", "mine", {"cache": "off", "idempotency-key": "k"}, False, "00-1-2-01")
    assert len({each.request_id for each in stage.script.calls}) == len(WAYS)


UNFIT = {
    "a name that no metadata may have": (("A", "1"),),
    "a name of the protocol": (("grpc-status", "1"),),
    "more than the limit": (("a", "x" * LIMIT_BYTES),),
}


@pytest.mark.parametrize("case", UNFIT)
async def test_metadata_that_are_refused_go_the_way_of_messages(case: str) -> None:
    async with staged() as stage:
        assert stage.method.direct.prepare(UNFIT[case]) is None


async def test_only_what_has_a_raw_form_is_called_directly() -> None:
    async with staged() as stage:
        other = stage.server.channel.unary_unary("/perpetuo.v1.CompletionsService/CreateChatCompletion")
        assert other.direct is None


async def _begun(stage: Stage, way: str, body: bytes) -> asyncio.Task[Any]:
    task = asyncio.ensure_future(stage.end(way, KEY, body))
    await stage.script.began.wait()
    return task


@pytest.mark.parametrize("body", [b"wait", b"wait and answer"])
@pytest.mark.parametrize("way", WAYS)
async def test_who_outlasts_the_grace_of_a_core_that_stops_is_told_so(way: str, body: bytes) -> None:
    async with staged() as stage:
        task = await _begun(stage, way, body)
        await stage.server.channel.stop(0)
        code, details, *_ = await task
        assert (code, details) == (grpc.StatusCode.UNAVAILABLE, "The server stopped before the call was done.")
        code, details, *_ = await stage.end(way, KEY, b"{}")
        assert (code, details) == (grpc.StatusCode.UNAVAILABLE, "The server is stopping.")
    assert task.cancelling() == 0


@pytest.mark.parametrize("way", WAYS)
async def test_a_core_that_stops_waits_for_calls_that_run(way: str) -> None:
    async with staged() as stage:
        task = await _begun(stage, way, b"wait")
        stopping = asyncio.ensure_future(stage.server.channel.stop(30))
        await asyncio.sleep(0)
        stage.script.release.set()
        await stopping
        assert (await task)[0] == b'{"is":"fine"}'


@pytest.mark.parametrize("way", WAYS)
async def test_no_more_calls_run_at_once_than_are_allowed(way: str) -> None:
    async with staged(most=1) as stage:
        task = await _begun(stage, way, b"wait")
        code, details, *_ = await stage.end(way, KEY, b"{}")
        stage.script.release.set()
        await task
    assert (code, details) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "Concurrent RPC limit exceeded!")


@pytest.mark.parametrize("way", WAYS)
async def test_a_channel_that_is_closed_makes_no_calls(way: str) -> None:
    async with staged() as stage:
        await stage.server.channel.close()
        with pytest.raises(grpc.aio.UsageError):
            await stage.ask(way, KEY, b"{}")


@pytest.mark.parametrize("body", [b"wait", b"wait and answer"])
async def test_a_caller_that_goes_cancels_its_call_and_not_its_task(body: bytes) -> None:
    async with staged() as stage:
        direct, calls = stage.method.direct, []

        async def run() -> Any:
            task = asyncio.current_task()
            assert task is not None
            calls.append(direct.begin(task))
            try:
                await direct.answer(calls[0], direct.prepare(KEY), body)
            except asyncio.CancelledError:
                return task.cancelling()

        task = asyncio.ensure_future(run())
        await stage.script.began.wait()
        call: DirectCall = calls[0]
        assert call.cancel()
        assert not call.cancel()
        assert await task == 0
        assert call.is_gone
    assert stage.lines == [(METHOD, "CANCELLED" if body == b"wait" else "OK")]


@pytest.mark.parametrize("way", WAYS[1:])
async def test_a_task_that_is_cancelled_takes_its_call_with_it(way: str) -> None:
    async with staged() as stage:
        task = await _begun(stage, way, b"wait")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert stage.lines == [(METHOD, "CANCELLED")]
