"""What callers are told when something fails, over a socket and in process, and what goes to the log instead."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from structlog.testing import CapturingLogger
from structlog.typing import FilteringBoundLogger

from server.chat.principal import Plan, Principal
from server.errors import REASONS, RateLimited
from server.interceptors.context import current_call
from server.interceptors.rules import load_rules
from server.interceptors.status import StatusInterceptor
from tests.contract.channel.stage import (
    PATIENCE_S,
    SOON_S,
    Context,
    Script,
    Stage,
    Text,
    drain,
    open_stage,
    stream_stream,
    stream_unary,
    text,
    unary_stream,
    unary_unary,
)

RULES = load_rules()
REQUEST_ID = "req_" + "1" * 26
SECRET = "sk-secret-text"


class Logs:
    """Collects log lines."""

    def __init__(self) -> None:
        self._logger = CapturingLogger()
        self.log: FilteringBoundLogger = self._logger

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [{"level": call.method_name, "event": call.args[0], **call.kwargs} for call in self._logger.calls]

    def line(self, event: str) -> dict[str, Any]:
        found = [line for line in self.lines if line["event"] == event]
        assert len(found) == 1
        return found[0]

    async def awaited(self, event: str) -> dict[str, Any]:
        """The same for one that may come after the answer."""
        async with asyncio.timeout(20):
            while not any(line["event"] == event for line in self.lines):
                await asyncio.sleep(0.005)
        return self.line(event)


Play = Callable[..., Awaitable[Stage]]


@pytest.fixture
def logs() -> Logs:
    return Logs()


@pytest.fixture(params=["tcp", "inprocess"])
async def play(request: pytest.FixtureRequest, tmp_path: Path, logs: Logs) -> AsyncIterator[Play]:
    async with AsyncExitStack() as stack:

        async def start(**handlers: Any) -> Stage:
            interceptor = StatusInterceptor(logs.log, make_id=lambda: REQUEST_ID)
            script = Script(handlers, [interceptor])
            return await stack.enter_async_context(open_stage(request.param, script, tmp_path))

        yield start


async def echo(request: Text, context: Context) -> Text:
    return request


async def announcing(request: Text, context: Context) -> Text:
    current_call().response_metadata.append(("x-ratelimit-limit", "20"))
    if request.value == "refuse":
        raise RateLimited("Too many.")
    return request


async def test_what_was_announced_comes_before_the_answer_or_with_the_refusal(play: Play) -> None:
    stage = await play(Do=unary_unary(announcing))
    call = stage.unary_unary()(text("answer"))
    await call
    assert dict(await call.initial_metadata()) == {"x-request-id": REQUEST_ID, "x-ratelimit-limit": "20"}
    refused = stage.unary_unary()(text("refuse"))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await refused
    trailing: Any = caught.value.trailing_metadata()
    assert dict(caught.value.initial_metadata() or ()) == {}
    assert [value for key, value in trailing if key == "x-ratelimit-limit"] == ["20"]


async def announcing_stream(request: Text, context: Context) -> AsyncIterator[Text]:
    current_call().response_metadata.append(("x-ratelimit-limit", "20"))
    yield request
    raise RateLimited("Too many.")


async def test_what_went_out_before_a_stream_is_not_told_again_when_it_breaks(play: Play) -> None:
    call = (await play(Do=unary_stream(announcing_stream))).unary_stream()(text("answer"))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await drain(call)
    assert dict(await call.initial_metadata())["x-ratelimit-limit"] == "20"
    trailing: Any = caught.value.trailing_metadata()
    assert "x-ratelimit-limit" not in dict(trailing)


async def leak(request: Text, context: Context) -> Text:
    raise ValueError(SECRET)


async def failure(stage: Stage) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stage.unary_unary()(text("q"))
    return caught.value


def info_of(error: grpc.aio.AioRpcError) -> error_details_pb2.ErrorInfo:
    raw = dict(error.trailing_metadata())["grpc-status-details-bin"]
    assert isinstance(raw, bytes)
    found = []
    for packed in status_pb2.Status.FromString(raw).details:
        info = error_details_pb2.ErrorInfo()
        if packed.Unpack(info):
            found.append(info)
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("reason", REASONS)
async def test_every_reason_reaches_the_caller(play: Play, reason: str) -> None:
    async def fail(request: Text, context: Context) -> Text:
        raise REASONS[reason]("What happened.", details={"name": "value"})

    error = await failure(await play(Do=unary_unary(fail)))
    assert (error.code(), error.details()) == (RULES[reason].code, "What happened.")
    info = info_of(error)
    assert (info.reason, info.domain, dict(info.metadata)) == (reason, "perpetuo.dev", {"name": "value"})
    assert dict(error.trailing_metadata())["x-request-id"] == REQUEST_ID
    assert tuple(error.initial_metadata()) == ()


async def test_any_other_exception_is_internal_and_stays_inside(play: Play, logs: Logs) -> None:
    error = await failure(await play(Do=unary_unary(leak)))
    assert error.code() is grpc.StatusCode.INTERNAL
    assert info_of(error).reason == "INTERNAL"
    assert SECRET not in f"{error.details()}{error.trailing_metadata()}"
    logged = logs.line("call failed")
    assert (logged["level"], logged["request_id"], str(logged["exc_info"])) == ("error", REQUEST_ID, SECRET)


async def test_an_error_that_cannot_be_told_is_internal_and_stays_inside(play: Play, logs: Logs) -> None:
    async def fail(request: Text, context: Context) -> Text:
        raise RateLimited(f"{SECRET}\ud800")

    error = await failure(await play(Do=unary_unary(fail)))
    assert (error.code(), info_of(error).reason) == (grpc.StatusCode.INTERNAL, "INTERNAL")
    assert "codec" not in f"{error.details()}{error.trailing_metadata()}"
    assert logs.line("error cannot be told")["request_id"] == REQUEST_ID
    assert logs.line("call")["reason"] == "INTERNAL"


async def test_trailing_metadata_that_a_handler_set_survive_its_failure(play: Play) -> None:
    async def fail(request: Text, context: Context) -> Text:
        context.set_trailing_metadata((("a", "1"),))
        raise RateLimited("Slow down.", retry_after_s=2)

    error = await failure(await play(Do=unary_unary(fail)))
    assert dict(error.trailing_metadata())["a"] == "1"


async def test_a_good_answer_brings_the_request_id_in_front(play: Play) -> None:
    call = (await play(Do=unary_unary(echo))).unary_unary()(text("q"))
    assert await call == text("q")
    assert tuple(await call.initial_metadata()) == (("x-request-id", REQUEST_ID),)
    assert tuple(await call.trailing_metadata()) == ()


async def test_a_handler_with_initial_metadata_of_its_own_keeps_them(play: Play) -> None:
    async def behavior(request: Text, context: Context) -> Text:
        await context.send_initial_metadata((("a", "1"),))
        context.set_trailing_metadata((("b", "2"),))
        return request

    call = (await play(Do=unary_unary(behavior))).unary_unary()(text("q"))
    await call
    assert tuple(await call.initial_metadata()) == (("a", "1"),)
    assert tuple(await call.trailing_metadata()) == (("b", "2"), ("x-request-id", REQUEST_ID))


async def test_a_stream_sends_nothing_before_its_first_message(play: Play) -> None:
    release = asyncio.Event()
    started = asyncio.Event()

    async def wait(request: Text, context: Context) -> AsyncIterator[Text]:
        started.set()
        await release.wait()
        yield request

    call = (await play(Do=unary_stream(wait))).unary_stream()(text("q"))
    waiting = asyncio.create_task(call.initial_metadata())
    await started.wait()
    for _ in range(20):
        await asyncio.sleep(0)
    assert not waiting.done()
    release.set()
    async with asyncio.timeout(PATIENCE_S):
        assert tuple(await waiting) == (("x-request-id", REQUEST_ID),)
    assert await drain(call) == ["q"]


async def test_a_stream_may_fail_after_its_first_message(play: Play) -> None:
    async def fail(request: Text, context: Context) -> AsyncIterator[Text]:
        yield text("1")
        raise REASONS["UPSTREAM_STREAM_INTERRUPTED"]("It broke.")

    call = (await play(Do=unary_stream(fail))).unary_stream()(text("q"))
    messages: list[str] = []
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await drain(call, messages)
    assert messages == ["1"]
    assert info_of(caught.value).reason == "UPSTREAM_STREAM_INTERRUPTED"
    assert dict(caught.value.trailing_metadata())["grpc-retry-pushback-ms"] == "-1"
    assert tuple(caught.value.initial_metadata()) == (("x-request-id", REQUEST_ID),)


async def test_an_empty_stream_tells_the_request_id_at_its_end(play: Play) -> None:
    async def nothing(request: Text, context: Context) -> AsyncIterator[Text]:
        return
        yield request

    call = (await play(Do=unary_stream(nothing))).unary_stream()(text("q"))
    assert await drain(call) == []
    assert tuple(await call.trailing_metadata()) == (("x-request-id", REQUEST_ID),)


async def test_a_stream_of_requests_is_served_too(play: Play) -> None:
    async def join(requests: AsyncIterator[Text], context: Context) -> Text:
        return text("".join([request.value async for request in requests]))

    stage = await play(Do=stream_unary(join))
    assert await stage.stream_unary()(iter([text("a"), text("b")])) == text("ab")


async def test_streams_both_ways_are_served_too(play: Play) -> None:
    async def upper(requests: AsyncIterator[Text], context: Context) -> AsyncIterator[Text]:
        async for request in requests:
            yield text(request.value.upper())

    stage = await play(Do=stream_stream(upper))
    assert await drain(stage.stream_stream()(iter([text("a"), text("b")]))) == ["A", "B"]


async def test_an_abort_of_the_handler_is_left_alone(play: Play, logs: Logs) -> None:
    async def abort(request: Text, context: Context) -> Text:
        await context.abort(grpc.StatusCode.NOT_FOUND, "as it was", (("a", "1"),))

    error = await failure(await play(Do=unary_unary(abort)))
    assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "as it was")
    assert tuple(error.trailing_metadata()) == (("a", "1"),)
    # The client has its answer before the handler is left.
    line = await logs.awaited("call")
    assert (line["code"], line["reason"]) == ("NOT_FOUND", None)


async def test_an_unknown_method_is_left_to_grpc(play: Play, logs: Logs) -> None:
    stage = await play(Other=unary_unary(echo))
    error = await failure(stage)
    assert (error.code(), error.details()) == (grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
    assert logs.lines == []


async def test_cancellation_passes_and_is_logged_as_a_caller_who_left(play: Play, logs: Logs) -> None:
    started = asyncio.Event()
    cancelled = asyncio.Event()

    async def wait(request: Text, context: Context) -> Text:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return request

    call = (await play(Do=unary_unary(wait))).unary_unary()(text("q"))
    await started.wait()
    call.cancel()
    async with asyncio.timeout(PATIENCE_S):
        await cancelled.wait()
    await asyncio.sleep(0)
    assert (logs.line("call")["code"], logs.line("call")["reason"]) == ("CANCELLED", "CLIENT_GONE")


async def test_a_deadline_is_logged_as_one(play: Play, logs: Logs) -> None:
    cancelled = asyncio.Event()

    async def wait(request: Text, context: Context) -> Text:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return request

    stage = await play(Do=unary_unary(wait))
    with pytest.raises(grpc.aio.AioRpcError):
        await stage.unary_unary()(text("q"), timeout=SOON_S)
    async with asyncio.timeout(PATIENCE_S):
        await cancelled.wait()
    await asyncio.sleep(0)
    assert (logs.line("call")["code"], logs.line("call")["reason"]) == ("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED")


async def test_one_line_tells_what_a_call_was(play: Play, logs: Logs) -> None:
    async def behavior(request: Text, context: Context) -> Text:
        current_call().principal = Principal("usr_1", "ws_1", Plan.PRO, key_id="key_1")
        return request

    stage = await play(Do=unary_unary(behavior))
    metadata = (("x-request-id", "mine"), ("x-perpetuo-surface", "rest"))
    await stage.unary_unary()(text("q"), metadata=metadata)
    line = logs.line("call")
    assert line.pop("latency_ms") >= 0
    assert line == {
        "level": "info",
        "event": "call",
        "request_id": REQUEST_ID,
        "method": "/stage.Stage/Do",
        "code": "OK",
        "reason": None,
        "surface": "rest",
        "client_request_id": "mine",
        "user_id": "usr_1",
        "workspace_id": "ws_1",
        "key_id": "key_1",
    }


async def test_a_failed_call_is_logged_with_its_reason(play: Play, logs: Logs) -> None:
    async def fail(request: Text, context: Context) -> Text:
        raise RateLimited("Slow down.")

    await failure(await play(Do=unary_unary(fail)))
    assert (logs.line("call")["code"], logs.line("call")["reason"]) == ("RESOURCE_EXHAUSTED", "RATE_LIMITED")


async def test_a_servicer_sees_its_call(play: Play) -> None:
    seen: list[Any] = []

    async def note(request: Text, context: Context) -> Text:
        info = current_call()
        seen.append((info.request_id, info.method, dict(info.told.knobs)))
        return request

    stage = await play(Do=unary_unary(note))
    await stage.unary_unary()(text("q"), metadata=(("x-perpetuo-strict", "true"),))
    assert seen == [(REQUEST_ID, "/stage.Stage/Do", {"strict": "true"})]


async def test_the_access_log_can_be_turned_off(tmp_path: Path, logs: Logs) -> None:
    script = Script({"Do": unary_unary(echo)}, [StatusInterceptor(logs.log, has_access_log=False)])
    async with open_stage("inprocess", script, tmp_path) as stage:
        await stage.unary_unary()(text("q"))
    assert logs.lines == []


async def test_every_call_gets_an_id_of_its_own(tmp_path: Path, logs: Logs) -> None:
    script = Script({"Do": unary_unary(echo)}, [StatusInterceptor(logs.log)])
    async with open_stage("inprocess", script, tmp_path) as stage:
        for _ in range(3):
            await stage.unary_unary()(text("q"))
    ids = [line["request_id"] for line in logs.lines]
    assert len(set(ids)) == 3
    assert sorted(ids) == ids
