"""Repeated requests: one answer for one key, whoever leaves, and never another's."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import pytest

from server import errors, repeats
from server.chat.principal import Call, Plan, Principal
from server.chat.request import parse_chat_request
from server.chat.shared import Claims
from server.prepared import Read
from server.repeats import HEADER, REPLAYED, Repeats
from server.state.memory_notes import NoRivals
from server.state.valkey_claims import ValkeyClaims
from tests.unit.server.state.valkeys import opened, running_valkey

BODY = b'{"messages":[{"role":"user","content":"hi"}]}'
HEADERS = [("x-ratelimit-limit", "20"), ("x-perpetuo-provider", "demo")]


class Upstream:
    """Stands where the pipeline does: answers when it may, tells its number, and counts."""

    def __init__(self) -> None:
        self.may = asyncio.Event()
        self.may.set()
        self.count = 0
        self.is_cut = False
        self.error: Exception | None = None

    def serve(self, call: Call, body: bytes) -> Any:
        return self.complete(call, body)

    async def complete(self, call: Call, body: bytes, read: Read = parse_chat_request) -> bytes:
        return b"".join([event async for events in self.stream(call, body) for event in events])

    async def stream(
        self, call: Call, body: bytes, read: Read = parse_chat_request
    ) -> AsyncGenerator[list[bytes], None]:
        self.count += 1
        assert (call.push is None) is (HEADER in call.knobs), "what is kept must come by"
        call.announce(HEADERS)
        try:
            yield [b"answer "]
            await self.may.wait()
            if self.error is not None:
                raise self.error
            yield [b"%d" % self.count, b" of " + call.request_id.encode()]
        except BaseException:
            self.is_cut = True
            raise


class Caller:
    """Makes calls, each with an id of its own, and keeps what they are told."""

    def __init__(self, key: str = "k", workspace: str = "ws_1", key_id: str = "key_1", within_s: float = 30.0) -> None:
        self.principal = Principal("usr_1", workspace, Plan.FREE, key_id)
        self.knobs = {HEADER: key} if key else {}
        self.within_s = within_s
        self.told: list[tuple[str, str]] = []

    def call(self, request_id: str, **knobs: str) -> Call:
        now = asyncio.get_running_loop().time()
        return Call(
            request_id,
            self.principal,
            now,
            now + self.within_s,
            knobs=self.knobs | knobs,
            announce=self.told.extend,
            push=lambda _: True,
        )


def made(upstream: Upstream, claims: Claims | None = None, max_bytes: int = repeats.MAX_BYTES) -> Repeats:
    return Repeats(upstream, claims or NoRivals(), asyncio.get_running_loop().time, max_bytes)


async def streamed(stream: AsyncIterator[list[bytes]]) -> list[list[bytes]]:
    return [events async for events in stream]


async def test_a_request_without_a_key_passes_through() -> None:
    upstream, caller = Upstream(), Caller("")
    served = made(upstream)
    assert await served.complete(caller.call("req_1"), BODY) == b"answer 1 of req_1"
    assert await served.complete(caller.call("req_2"), BODY) == b"answer 2 of req_2"
    assert await served.first_id(caller.call("req_2")) == "req_2"


async def test_a_repeated_request_has_the_same_answer_and_says_so() -> None:
    upstream, first, again = Upstream(), Caller(), Caller()
    served = made(upstream)
    assert await served.complete(first.call("req_1"), BODY) == b"answer 1 of req_1"
    assert await served.complete(again.call("req_2"), BODY) == b"answer 1 of req_1"
    assert upstream.count == 1
    assert first.told == HEADERS
    assert again.told == [HEADERS[1], REPLAYED]
    assert await served.first_id(again.call("req_3")) == "req_1"


async def test_a_repeated_stream_has_the_same_events() -> None:
    upstream, again = Upstream(), Caller()
    served = made(upstream)
    lists = await streamed(served.stream(Caller().call("req_1"), BODY))
    assert lists == [[b"answer "], [b"1", b" of req_1"]]
    assert await streamed(served.stream(again.call("req_2"), BODY)) == lists
    assert (upstream.count, again.told) == (1, [HEADERS[1], REPLAYED])


async def test_those_who_come_while_it_is_served_wait_for_it() -> None:
    upstream = Upstream()
    upstream.may.clear()
    served = made(upstream)
    waiting = [asyncio.ensure_future(served.complete(Caller().call(f"req_{n}"), BODY)) for n in range(100)]
    await asyncio.sleep(0)
    upstream.may.set()
    assert set(await asyncio.gather(*waiting)) == {b"answer 1 of req_0"}
    assert upstream.count == 1


async def test_a_second_stream_follows_the_first_from_its_beginning() -> None:
    upstream, other = Upstream(), Caller()
    upstream.may.clear()
    served = made(upstream)
    first = served.stream(Caller().call("req_1"), BODY)
    assert await anext(first) == [b"answer "]
    second = served.stream(other.call("req_2"), BODY)
    assert await anext(second) == [b"answer "]
    assert other.told == [HEADERS[1], REPLAYED]
    upstream.may.set()
    assert await streamed(first) == await streamed(second) == [[b"1", b" of req_1"]]


OTHERS = [
    ("another body", Caller(), b'{"messages":[1]}', {}),
    ("another knob", Caller(), BODY, {"strict": "true"}),
]


@pytest.mark.parametrize(("caller", "body", "knobs"), [row[1:] for row in OTHERS], ids=[row[0] for row in OTHERS])
@pytest.mark.parametrize("is_under_way", [False, True])
async def test_a_key_stands_for_one_request(
    caller: Caller, body: bytes, knobs: dict[str, str], is_under_way: bool
) -> None:
    upstream = Upstream()
    served = made(upstream)
    if is_under_way:
        upstream.may.clear()
    first = asyncio.ensure_future(served.complete(Caller().call("req_1"), BODY))
    await (asyncio.sleep(0) if is_under_way else first)
    with pytest.raises(errors.Conflict) as caught:
        await served.complete(caller.call("req_2", **knobs), body)
    assert caught.value.param == HEADER
    with pytest.raises(errors.Conflict):
        await streamed(served.stream(Caller().call("req_3"), BODY))
    upstream.may.set()
    assert await first == b"answer 1 of req_1"


@pytest.mark.parametrize(
    "caller",
    [Caller("other"), Caller(workspace="ws_2"), Caller(key_id="key_2")],
    ids=["key", "workspace", "gateway key"],
)
async def test_nobody_else_has_the_answer(caller: Caller) -> None:
    served = made(Upstream())
    await served.complete(Caller().call("req_1"), BODY)
    assert await served.complete(caller.call("req_2"), BODY) == b"answer 2 of req_2"


@pytest.mark.parametrize("stream", [False, True], ids=["in one piece", "streamed"])
async def test_it_is_served_to_its_end_when_its_caller_leaves(stream: bool) -> None:
    upstream = Upstream()
    upstream.may.clear()
    served = made(upstream)

    async def ask(request_id: str) -> Any:
        call = Caller().call(request_id)
        return await (streamed(served.stream(call, BODY)) if stream else served.complete(call, BODY))

    first = asyncio.ensure_future(ask("req_1"))
    while not upstream.count:
        await asyncio.sleep(0)
    first.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await first
    second = asyncio.ensure_future(ask("req_2"))
    await asyncio.sleep(0)
    upstream.may.set()
    found = await second
    assert found == ([[b"answer "], [b"1", b" of req_1"]] if stream else b"answer 1 of req_1")
    assert (upstream.count, upstream.is_cut) == (1, False)


async def test_what_failed_can_be_tried_again() -> None:
    upstream = Upstream()
    upstream.error = errors.UpstreamUnavailable("down")
    served = made(upstream)
    with pytest.raises(errors.UpstreamUnavailable):
        await served.complete(Caller().call("req_1"), BODY)
    with pytest.raises(errors.UpstreamUnavailable):
        await streamed(served.stream(Caller().call("req_2"), BODY))
    upstream.error = None
    assert await served.complete(Caller().call("req_3"), BODY) == b"answer 3 of req_3"


@pytest.mark.parametrize("key", ["", "   ", "x" * 256])
async def test_a_key_that_is_none_is_refused(key: str) -> None:
    caller = Caller("k")
    caller.knobs = {HEADER: key}
    with pytest.raises(errors.RequestInvalid) as caught:
        await made(Upstream()).complete(caller.call("req_1"), BODY)
    assert caught.value.param == HEADER


async def test_an_answer_that_is_too_long_to_be_kept_is_not_asked_for_twice() -> None:
    upstream = Upstream()
    served = made(upstream, max_bytes=16 * 1030)
    assert await served.complete(Caller().call("req_1"), BODY) == b"answer 1 of req_1"
    with pytest.raises(errors.Conflict, match="too long"):
        await served.complete(Caller().call("req_2"), BODY)
    assert upstream.count == 1


async def test_who_waits_for_another_waits_no_longer_than_it_has_time() -> None:
    upstream = Upstream()
    upstream.may.clear()
    served = made(upstream)
    first = asyncio.ensure_future(served.complete(Caller().call("req_1"), BODY))
    await asyncio.sleep(0)
    with pytest.raises(errors.DeadlineExceeded):
        await served.complete(Caller(within_s=0.02).call("req_2"), BODY)
    upstream.may.set()
    assert await first == b"answer 1 of req_1"


async def test_closing_gives_up_what_is_served() -> None:
    upstream = Upstream()
    upstream.may.clear()
    served = made(upstream)
    waiting = asyncio.ensure_future(served.complete(Caller().call("req_1"), BODY))
    while not upstream.count:
        await asyncio.sleep(0)
    await served.close()
    with pytest.raises(errors.Draining):
        await waiting
    assert upstream.is_cut


@pytest.mark.parametrize("stream", [False, True], ids=["in one piece", "streamed"])
async def test_replicas_ask_once_together(stream: bool) -> None:
    upstream, told = Upstream(), Caller()
    upstream.may.clear()
    with running_valkey() as valkey:
        async with opened(valkey, prefix="r:") as one, opened(valkey, prefix="r:") as other:
            here, there = made(upstream, ValkeyClaims(one)), made(upstream, ValkeyClaims(other))

            async def ask(served: Repeats, call: Call) -> Any:
                return await (streamed(served.stream(call, BODY)) if stream else served.complete(call, BODY))

            first = asyncio.ensure_future(ask(here, Caller().call("req_1")))
            while not upstream.count:
                await asyncio.sleep(0.001)
            second = asyncio.ensure_future(ask(there, told.call("req_2")))
            assert await there.first_id(Caller().call("req_3")) in ("req_1", "req_2")
            with pytest.raises(errors.Conflict):
                await there.complete(Caller().call("req_4"), b"{}")
            upstream.may.set()
            assert await first == await second
            assert (upstream.count, told.told) == (1, [HEADERS[1], REPLAYED])
            # And of what failed nothing is left.
            upstream.error = errors.UpstreamUnavailable("down")
            with pytest.raises(errors.UpstreamUnavailable):
                await here.complete(Caller("k2").call("req_5"), BODY)
            upstream.error = None
            assert await there.complete(Caller("k2").call("req_6"), BODY) == b"answer 3 of req_6"


async def test_what_is_too_long_for_other_replicas_is_told_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "MAX_SHARED_BYTES", 1030)
    upstream = Upstream()
    with running_valkey() as valkey:
        async with opened(valkey, prefix="l:") as one, opened(valkey, prefix="l:") as other:
            here, there = made(upstream, ValkeyClaims(one)), made(upstream, ValkeyClaims(other))
            answer = await here.complete(Caller().call("req_1"), BODY)
            assert await here.complete(Caller().call("req_2"), BODY) == answer
            with pytest.raises(errors.Conflict, match="too long"):
                await there.complete(Caller().call("req_3"), BODY)
    assert upstream.count == 1
