"""Upstreams that are left alone, through the whole gateway: what callers are told, who probes, and what ends it."""

import asyncio

import aiohttp
import pytest

from server.routing.health import breaker
from tests.faults.asking import MODEL
from tests.faults.lab import Lab, Room

FAILURES = breaker.FAILURES_IN_A_ROW
MANY = 50


async def fail_often(room: Room) -> None:
    """Lets the first target fail until it is left alone; alone, it is asked once more by some of the requests."""
    while calls(room) < FAILURES:
        seen = await room.ask(is_stream=False, is_grpc=False)
        assert seen.reason != "NO_HEALTHY_ROUTE", calls(room)
    assert calls(room) == FAILURES


def calls(room: Room, index: int = 0) -> int:
    """Requests that a target got."""
    mock = room.targets[index].mock
    assert mock is not None
    return len(mock.requests)


def play(room: Room, scenario: str) -> None:
    """Changes what the first target does."""
    mock = room.targets[0].mock
    assert mock is not None
    mock.play(scenario)


@pytest.mark.parametrize("is_stream", [False, True], ids=["unary", "stream"])
async def test_where_all_rest_callers_are_told_when_to_come_again(patient: Lab, is_stream: bool) -> None:
    async with patient.room("error-503") as room:
        await fail_often(room)
        before = calls(room)
        over_rest = await room.ask(is_stream=is_stream, is_grpc=False)
        over_grpc = await room.ask(is_stream=is_stream, is_grpc=True)
        assert calls(room) == before
        assert (over_rest.status, over_rest.reason) == (503, "NO_HEALTHY_ROUTE")
        assert 1 <= int(over_rest.headers["retry-after"]) <= breaker.OPEN_S
        assert over_rest.headers["x-should-retry"] == "false"
        assert "because its calls failed" in over_rest.body
        assert (over_grpc.status, over_grpc.reason) == ("UNAVAILABLE", "NO_HEALTHY_ROUTE")
        assert over_grpc.headers["grpc-retry-pushback-ms"] == "-1"


async def test_where_all_only_limit_callers_are_told_so(patient: Lab) -> None:
    async with patient.room("limit-long") as room:
        first = await room.ask(is_stream=False, is_grpc=False)
        second = await room.ask(is_stream=False, is_grpc=False)
        assert calls(room) == 1
        assert (first.status, first.reason) == (second.status, second.reason) == (429, "UPSTREAM_RATE_LIMITED")
        assert 1 <= int(second.headers["retry-after"]) <= int(first.headers["retry-after"])


async def test_the_next_is_asked_at_once_where_the_first_is_left_alone(patient: Lab) -> None:
    async with patient.room("error-503", "ok") as room:
        await fail_often(room)
        before = calls(room)
        seen = await room.ask(is_stream=False, is_grpc=False)
        assert (seen.status, seen.attempts, calls(room)) == (200, 1, before)


async def test_an_explanation_says_who_rests_and_why(patient: Lab) -> None:
    async with patient.room("error-503", "ok") as room:
        await fail_often(room)
        body = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]}
        headers = {"authorization": f"Bearer {room.key}"}
        async with patient.session.post(f"{patient.url}/v1/route:explain", json=body, headers=headers) as answer:
            told = await answer.json()
        assert [item["provider_id"] for item in told["candidates"]] == [room.targets[1].entry_id]
        (rejected,) = told["rejected"]
        assert (rejected["provider_id"], rejected["filter"]) == (room.targets[0].entry_id, "health")
        assert "because its calls failed" in rejected["reason"]


async def test_one_of_many_callers_probes_and_an_answer_lets_all_in(
    patient: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patient.core._health._records, "_rules", breaker.BreakerRules(open_s=1.0))
    async with patient.room("error-503", "ok") as room:
        await fail_often(room)
        play(room, "delay-first?ms=300")
        before = calls(room)
        async with asyncio.timeout(20):
            while calls(room) == before:
                seen = await asyncio.gather(*(room.ask(is_stream=False, is_grpc=False) for _ in range(MANY)))
                assert [each.status for each in seen] == [200] * MANY
        assert calls(room) == before + 1
        await asyncio.gather(*(room.ask(is_stream=False, is_grpc=False) for _ in range(MANY)))
        assert calls(room) == before + 1 + MANY


async def test_nothing_is_held_against_another_credential(patient: Lab) -> None:
    async with patient.room("error-401") as room:
        first = await room.ask(is_stream=False, is_grpc=False)
        second = await room.ask(is_stream=False, is_grpc=False)
        assert (first.reason, second.reason, calls(room)) == ("UPSTREAM_AUTH", "NO_HEALTHY_ROUTE", 1)
        play(room, "ok")
        entries = patient.core.stores.entries
        await entries.change(room.workspace_id, room.targets[0].entry_id, {"api_key": "sk-another"})
        third = await room.ask(is_stream=False, is_grpc=False)
        assert (third.status, calls(room)) == (200, 2)


async def test_metrics_tell_what_is_left_alone(patient: Lab) -> None:
    async with patient.room("error-503") as room:
        await fail_often(room)
        async with aiohttp.ClientSession() as session, session.get(f"{patient.url}/metrics") as answer:
            lines = (await answer.text()).splitlines()
    values = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    assert float(values['perpetuo_breakers{of="model",state="open"}']) >= 1
    assert float(values['perpetuo_breaker_openings_total{provider="openai-compatible"}']) >= 1
