"""What servicers know of their call: who asks, and until when."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from server.chat.principal import PassOn, Plan, Principal
from server.errors import Internal
from server.services.calling import Calls, Context

ANN = Principal("usr_1", "ws_1", Plan.FREE, "key_1")


@dataclass(frozen=True, slots=True)
class Told:
    client_request_id: str | None = "mine"
    surface: str = "rest"
    forwarded_for: str = "198.51.100.7"
    knobs: Mapping[str, str] = field(default_factory=lambda: {"cache": "no-store"})
    traceparent: str = "00-1-2-01"


@dataclass(frozen=True, slots=True)
class Info:
    request_id: str = "req_1"
    started_s: float = field(default_factory=time.monotonic)
    told: Told = Told()
    principal: Principal | None = ANN
    credential: str = "pk_secret"
    response_metadata: list[tuple[str, str]] = field(default_factory=list)
    pass_on: PassOn | None = None


@dataclass(frozen=True, slots=True)
class Timed:
    left_s: float | None

    def time_remaining(self) -> float | None:
        return self.left_s

    def peer(self) -> str:
        return "inproc:"


def context(left_s: float | None) -> Context:
    timed: Context = cast(Any, Timed(left_s))
    return timed


@pytest.mark.parametrize(
    ("left_s", "allowed_s"),
    [(None, 60.0), (5.0, 4.9), (1.0, 0.9), (0.2, 0.18), (0.0, 0.0), (60.05, 59.95), (600.0, 60.0)],
    ids=["no deadline", "sooner", "a second", "short", "over", "about ours", "later than ours"],
)
async def test_the_deadline_is_the_sooner_one_with_time_to_tell_so(left_s: float | None, allowed_s: float) -> None:
    before = asyncio.get_running_loop().time()
    call = Calls(Info, 60.0, "{}|{}".format).call(context(left_s))
    assert call.received_at >= before
    assert call.deadline - call.received_at == pytest.approx(allowed_s)
    assert call.is_timed is (left_s is not None)


async def test_the_call_carries_what_the_interceptors_found() -> None:
    calls = Calls(Info, 60.0, "{}|{}".format)
    call = calls.call(context(None))
    assert (call.request_id, call.client_request_id, call.surface) == ("req_1", "mine", "rest")
    assert call.principal is ANN
    assert call.knobs == {"cache": "no-store"}
    assert call.traceparent == "00-1-2-01"
    assert calls.principal() is ANN
    assert calls.credential() == "pk_secret"


async def test_what_the_call_announces_reaches_the_interceptors() -> None:
    info = Info()
    call = Calls(lambda: info, 60.0, "{}|{}".format).call(context(None))
    call.announce([("x-ratelimit-limit", "20")])
    call.announce([("x-other", "1")])
    assert info.response_metadata == [("x-ratelimit-limit", "20"), ("x-other", "1")]


async def test_a_call_without_an_identity_is_a_defect() -> None:
    with pytest.raises(Internal):
        Calls(lambda: Info(principal=None), 60.0, "{}|{}".format).principal()


async def test_the_address_is_told_from_the_connection_and_what_was_forwarded() -> None:
    assert Calls(Info, 60.0, "{}|{}".format).address(context(None)) == "inproc:|198.51.100.7"


async def test_the_surface_names_the_face_where_it_is_not_the_usual_one() -> None:
    calls = Calls(Info, 60.0, "{}|{}".format)
    assert calls.call(context(None), "messages").surface == "rest/messages"


def test_what_is_announced_goes_out_beside_the_answer() -> None:
    info = Info()
    Calls(lambda: info, 60.0, "{}|{}".format).announce("content-disposition", "attachment")
    assert info.response_metadata == [("content-disposition", "attachment")]
