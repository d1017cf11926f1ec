"""Requests that come again byte for byte: answered without being read, and told and booked as if they had been."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from msgspec import structs
from msgspec.structs import replace

from server.chat.content import ContentPolicy
from server.chat.deployment import Deployment
from server.chat.policy import RoutingPolicy
from server.chat.principal import Call, KeyLimits, Plan, Principal
from server.chat.rates import Moment
from server.chat.records import OperationRecord
from server.chat.usage import Usage
from server.errors import Draining, RateLimited, StoreUnavailable
from server.ledger.contents import NoContent
from server.limits.admission import Admission
from server.limits.plans import PLAN_LIMITS
from server.pipeline import Pipeline
from server.recall import Recall
from server.routing.known import Known
from server.state.memory import MemoryRates
from server.telemetry.requests import RequestMetrics
from tests.unit.server.routing.scripted import UNARY, whole
from tests.unit.server.shared_stage import COLD, WARM, Stage, call, stage

USUAL = RoutingPolicy()
Change = Callable[[Stage], None]


class Prices:
    """A nano-dollar for a token."""

    def cost_nanousd(self, provider: str, model: str, usage: Usage) -> int | None:
        return usage.total_tokens

    def version_of(self, provider: str, model: str) -> str:
        return ""

    def blended_nanousd(self, provider: str, model: str) -> int | None:
        return None


def known(policy: RoutingPolicy = USUAL) -> Known:
    entry = Deployment("p", "ws_1", "openai", "https://x.example/v1", "sk-ws_1")
    return Known(policy, (entry,), Prices(), {})


def knowing(*script: Any, policy: RoutingPolicy = USUAL, **parts: Any) -> Stage:
    """A stage that knows its workspace."""
    on = stage(*(script or (whole(),)))
    on.known["ws_1"] = known(policy)
    on.parts = replace(on.parts, **parts)
    on.pipeline = Pipeline(on.parts)
    return on


def _call(cache: str | None) -> Call:
    return call() if cache is None else call(cache=cache)


async def ask(on: Stage, times: int, body: bytes = COLD, cache: str | None = None) -> list[dict[str, Any]]:
    return [json.loads(await on.pipeline.complete(_call(cache), body)) for _ in range(times)]


def recalled(on: Stage, body: bytes = COLD, cache: str | None = None) -> bool:
    return on.pipeline._recall.answer(_call(cache), body) is not None


def booked(record: OperationRecord) -> OperationRecord:
    """A record without what is another for every request."""
    return structs.replace(record, latency_ms=0, created_at=None)


@pytest.mark.parametrize("content", ["off", "metadata"])
@pytest.mark.parametrize("body", [UNARY, UNARY.replace(b"chatcmpl-", b"x"), UNARY.replace(b"}", b"} ", 1)])
async def test_it_answers_tells_and_books_as_the_long_way_does(content: ContentPolicy, body: bytes) -> None:
    on = knowing(whole(body), policy=RoutingPolicy(content=content))
    told: list[list[tuple[str, str]]] = [[], [], []]
    answers = []
    for pairs in told:
        caller = structs.replace(call(), announce=pairs.extend, client_request_id="mine")
        answers.append(json.loads(await on.pipeline.complete(caller, COLD)))
        answers[-1]["gateway_metadata"].pop("latency_ms")
    assert answers[1] == answers[2]
    assert list(answers[1]) == list(answers[2])
    assert told[1] == told[2] == [("x-perpetuo-attempts", "0"), ("x-perpetuo-provider", "openai")]
    assert booked(on.records[1]) == booked(on.records[2])
    assert on.records[2].is_cache_hit
    assert on.records[2].saved_nanousd == 5
    assert len(on.gate.sent) == 1
    assert on.sharing.kept_count == 2
    assert on.parts.metrics.in_flight == 0
    assert recalled(on)


async def test_a_request_is_remembered_when_it_comes_again_and_not_before() -> None:
    on = knowing()
    await ask(on, 1)
    assert not recalled(on)
    await ask(on, 1)
    assert recalled(on)
    assert len(on.pipeline._recall) == 1


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(COLD.replace(b":0,", b":0.0,"), id="spelled otherwise"),
        pytest.param(COLD + b" ", id="with a space more"),
        pytest.param(COLD.replace(b'"hi"', b'"ho"'), id="another word"),
    ],
)
async def test_only_the_very_bytes_are_recalled(other: bytes) -> None:
    on = knowing()
    await ask(on, 2)
    assert not recalled(on, other)


async def test_a_hash_that_two_bodies_share_does_not_make_them_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.recall._name", lambda call, body: 1)
    on = knowing()
    await ask(on, 2)
    assert recalled(on)
    assert not recalled(on, COLD + b" ")


async def test_another_spelling_is_the_same_to_the_cache() -> None:
    on = knowing()
    await ask(on, 2)
    [answer] = await ask(on, 1, COLD.replace(b":0,", b":0.0,"))
    assert answer["gateway_metadata"]["cache_hit"] is True


def _principal(**change: Any) -> Principal:
    return replace(Principal("usr_1", "ws_1", Plan.FREE, "key_1"), **change)


@pytest.mark.parametrize(
    "principal",
    [
        pytest.param(_principal(workspace_id="ws_2"), id="of another workspace"),
        pytest.param(_principal(allowed_models=("m",)), id="whose key may use something else"),
    ],
)
async def test_others_are_not_answered_so(principal: Principal) -> None:
    on = knowing()
    on.known["ws_2"] = known()
    await ask(on, 2)
    caller: Call = structs.replace(call(), principal=principal)
    assert on.pipeline._recall.answer(caller, COLD) is None


@pytest.mark.parametrize("knob", ["no-cache", "no-store", "max-age=60"])
async def test_headers_are_part_of_what_is_asked(knob: str) -> None:
    on = knowing(whole(), whole())
    await ask(on, 2)
    assert not recalled(on, cache=knob)
    await ask(on, 1, cache=knob)
    assert recalled(on)


async def test_an_age_that_is_asked_for_is_kept_to(monkeypatch: pytest.MonkeyPatch) -> None:
    on = knowing()
    await ask(on, 2, WARM, cache="max-age=30")
    assert recalled(on, WARM, cache="max-age=30")
    now_s = on.sharing.now_s()
    monkeypatch.setattr(on.sharing, "now_s", lambda: now_s + 40)
    assert not recalled(on, WARM, cache="max-age=30")


async def test_what_the_cache_has_dropped_is_gone() -> None:
    on = knowing(whole(), whole())
    await ask(on, 2)
    on.sharing.answers._drop(next(iter(on.pipeline._recall._workspaces["ws_1"].seen.values())).key)
    assert not recalled(on)
    assert [answer["gateway_metadata"]["cache_hit"] for answer in await ask(on, 2)] == [False, True]
    assert recalled(on)


def _other_policy(on: Stage) -> None:
    on.known["ws_1"] = known(RoutingPolicy(cache="off"))


def _nothing_known(on: Stage) -> None:
    on.known.clear()


def _ended(on: Stage) -> None:
    on.parts.under_way.give_up()


@pytest.mark.parametrize("change", [_other_policy, _nothing_known, _ended])
async def test_it_holds_as_long_as_nothing_has_changed(change: Change) -> None:
    on = knowing()
    await ask(on, 2)
    change(on)
    assert not recalled(on)


async def test_what_is_over_refuses() -> None:
    on = knowing()
    await ask(on, 2)
    _ended(on)
    with pytest.raises(Draining):
        await ask(on, 1)


async def test_a_change_between_reading_and_remembering_leaves_it_unknown() -> None:
    on = knowing()
    await ask(on, 1)
    policies = iter((on.known["ws_1"], known(), known()))
    on.parts.router.known = lambda workspace_id: next(policies, None)
    await ask(on, 1)
    assert len(on.pipeline._recall) == 0


async def test_books_that_must_be_kept_and_cannot_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    on = knowing()
    await ask(on, 2)

    def full() -> None:
        raise StoreUnavailable("full")

    monkeypatch.setattr(on, "check", full)
    with pytest.raises(StoreUnavailable):
        await ask(on, 1)
    assert on.records[-1].outcome == "STORE_UNAVAILABLE"


LIMITED = {
    "by the plan": _principal(plan=Plan.FREE),
    "by calls of the key": _principal(plan=Plan.ENTERPRISE, limits=KeyLimits(requests_per_minute=5)),
    "by tokens of the key": _principal(plan=Plan.ENTERPRISE, limits=KeyLimits(tokens_per_minute=2_000)),
    "by all of them": _principal(limits=KeyLimits(9, 99, 2_000, 3_000)),
}


def counting(*script: Any, **change: Any) -> tuple[Stage, Admission]:
    admission = Admission(MemoryRates(now=lambda: Moment(0.0, 0.0)), PLAN_LIMITS)
    return knowing(*script, admission=admission, **change), admission


@pytest.mark.parametrize("principal", LIMITED.values(), ids=LIMITED.keys())
async def test_who_has_limits_is_counted_and_told_as_the_long_way_does(principal: Principal) -> None:
    told: dict[bool, list[list[tuple[str, str]]]] = {True: [], False: []}
    for is_short in told:
        on, admission = counting()
        if not is_short:
            on.pipeline._recall = Recall(on.parts)  # which learns nothing, and so leaves all to the long way
        for _ in range(4):
            told[is_short].append([])
            caller = structs.replace(call(), announce=told[is_short][-1].extend, principal=principal)
            await on.pipeline.complete(caller, COLD)
        assert (admission.open_count, admission.held_tokens) == (0, 0)
        probe = structs.replace(call(), principal=principal)
        assert (on.pipeline._recall.answer(probe, COLD) is not None) is is_short
    assert told[True] == told[False]
    assert {"x-ratelimit-limit-requests", "x-ratelimit-limit-tokens"} & dict(told[True][-1]).keys()


async def test_who_is_counted_is_counted_and_refused() -> None:
    on, admission = counting()
    allowed = min(PLAN_LIMITS[Plan.FREE].values())
    await ask(on, allowed)
    for _ in range(2):
        with pytest.raises(RateLimited):
            await ask(on, 1)
    assert admission.refused == {("plan", "requests", "minute"): 2}
    assert [record.outcome for record in on.records[-3:]] == ["ok", "RATE_LIMITED", "RATE_LIMITED"]
    assert not recalled(on)


async def test_who_has_to_wait_to_be_counted_goes_the_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    on, admission = counting()
    await ask(on, 2)
    monkeypatch.setattr(admission._store, "take_now", lambda quotas: None)
    assert not recalled(on)
    [answer] = await ask(on, 1)
    assert answer["gateway_metadata"]["cache_hit"] is True


async def test_what_was_said_is_kept_where_it_is_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Any] = []

    class Content(list[Any]):
        def add(self, pieces: Sequence[bytes]) -> None:
            self.extend(pieces)

    class Keeper(NoContent):
        def begin(self, policy: ContentPolicy, request: bytes) -> Any:
            return Content([policy, request])

        def keep(self, record: OperationRecord, content: Any) -> None:
            kept.append(content)

    on = knowing(policy=RoutingPolicy(content="full"), contents=Keeper())
    answers = await ask(on, 3)
    assert [(policy, request, json.loads(said)) for policy, request, said in kept] == [
        ("full", COLD, answer) for answer in answers
    ]


async def test_it_is_not_sent_before_the_disk_has_it() -> None:
    on = knowing()
    await ask(on, 2)
    disk: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    on.secured = lambda: disk  # type: ignore[method-assign]
    waiting = asyncio.ensure_future(ask(on, 1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(on.parts.under_way) == 1
    assert not waiting.done()
    disk.set_result(None)
    assert (await waiting)[0]["gateway_metadata"]["cache_hit"] is True
    assert len(on.parts.under_way) == 0


async def test_who_waits_for_the_disk_is_told_of_the_end() -> None:
    on = knowing()
    await ask(on, 2)
    disk: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    on.secured = lambda: disk  # type: ignore[method-assign]
    waiting = asyncio.ensure_future(ask(on, 1))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    on.parts.under_way.give_up()
    with pytest.raises(Draining):
        await waiting


async def test_the_workspace_that_has_most_gives_way() -> None:
    on = knowing(*[whole()] * 5)
    on.known["ws_2"] = known()
    recall = on.pipeline._recall = on.pipeline._preparing._recall = Recall(on.parts, most=3)
    bodies = [COLD.replace(b'"hi"', b'"%d"' % number) for number in range(4)]
    for body in bodies[:3]:
        await ask(on, 2, body)
    assert len(recall) == 3
    for _ in range(2):
        await on.pipeline.complete(call("ws_2"), bodies[3])
    assert len(recall) == 3
    assert [recalled(on, body) for body in bodies] == [False, True, True, False]
    assert recall.answer(call("ws_2"), bodies[3]) is not None


async def test_it_counts_in_the_metrics() -> None:
    metrics = RequestMetrics()
    on = knowing(metrics=metrics)
    await ask(on, 3)
    metrics.count()
    assert metrics._requests.values == {("grpc", "false", "ok"): 3}
