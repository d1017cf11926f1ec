"""What a handler's context does that a socket's does not, or that only shows inside."""

import asyncio
from collections.abc import Sequence
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import BytesValue, StringValue

from server.inprocess.context import InProcessContext
from server.inprocess.payload import Reader, Writer
from server.inprocess.rpc import Limits, Outcome, Rpc


@pytest.fixture
async def context() -> InProcessContext:
    rpc = Rpc(asyncio.get_running_loop(), "/a.B/Do", (("a", "1"),), Limits(send_bytes=50))
    rpc.open_requests()
    rpc.open_responses()
    made = InProcessContext(rpc)
    made.bind(Reader(StringValue.FromString), Writer(StringValue.SerializeToString))
    return made


async def test_an_abort_with_ok_is_unknown(context: InProcessContext) -> None:
    with pytest.raises(grpc.aio.AbortError):
        await context.abort(grpc.StatusCode.OK, "fine")
    assert context.rpc.outcome == Outcome(grpc.StatusCode.UNKNOWN)


async def test_a_second_abort_is_a_misuse(context: InProcessContext) -> None:
    with pytest.raises(grpc.aio.AbortError):
        await context.abort(grpc.StatusCode.ABORTED)
    with pytest.raises(grpc.aio.UsageError):
        await context.abort(grpc.StatusCode.ABORTED)


async def test_nothing_can_be_done_after_the_status_was_sent(context: InProcessContext) -> None:
    context.conclude(context.own_outcome())
    assert context.done()
    for late in (context.write(StringValue()), context.read(), context.send_initial_metadata(())):
        with pytest.raises(grpc.aio.UsageError, match="already finished"):
            await late


async def test_writing_to_a_caller_who_is_gone_fails(context: InProcessContext) -> None:
    context.rpc.cancel("left")
    with pytest.raises(grpc.aio.InternalError, match="gone"):
        await context.write(StringValue())


async def test_writing_more_than_the_limit_ends_the_call(context: InProcessContext) -> None:
    with pytest.raises(grpc.aio.InternalError):
        await context.write(StringValue(value="x" * 51))
    assert context.rpc.outcome is not None
    assert context.rpc.outcome.code is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_reading_gives_the_end_when_requests_have_ended(context: InProcessContext) -> None:
    assert context.rpc.requests is not None
    await context.rpc.requests.put(Writer(StringValue.SerializeToString).seal(StringValue(value="1")))
    context.rpc.requests.close()
    assert [await context.read(), await context.read()] == [StringValue(value="1"), grpc.aio.EOF]


async def test_a_unary_request_cannot_be_read_again() -> None:
    context = InProcessContext(Rpc(asyncio.get_running_loop(), "/a.B/Do", (), Limits()))
    assert await context.read() is grpc.aio.EOF


async def test_compression_is_taken_before_the_first_metadata_only(context: InProcessContext) -> None:
    context.set_compression(grpc.Compression.Gzip)
    context.disable_next_message_compression()
    await context.send_initial_metadata(())
    with pytest.raises(RuntimeError):
        context.set_compression(grpc.Compression.Gzip)


async def test_a_code_may_be_a_number(context: InProcessContext) -> None:
    context.set_code(1)
    assert (context.code(), context.cancelled()) == (grpc.StatusCode.CANCELLED, True)


async def test_the_transport_says_nothing_of_the_peer(context: InProcessContext) -> None:
    nothing: Any = (context.peer_identities(), context.peer_identity_key(), context.auth_context())
    assert nothing == (None, None, {})
    assert (context.peer(), context.invocation_metadata()) == ("inproc:", (("a", "1"),))


def reading(context: InProcessContext, *, wants: bool = True) -> tuple[list[Any], "asyncio.Task[Any]"]:
    """A caller that waits for a response and takes what is pushed, if it `wants`."""
    got: list[Any] = []

    def take(entries: Sequence[bytes]) -> bool:
        if wants:
            got.append(entries)
        return wants

    rpc = context.rpc
    rpc.take, rpc.takes = take, StringValue
    assert rpc.responses is not None
    return got, asyncio.ensure_future(rpc.responses.get())


async def test_a_response_is_pushed_to_a_caller_that_waits(context: InProcessContext) -> None:
    assert not context.push(StringValue, [b"nobody takes it"])
    got, waiting = reading(context)
    assert not context.push(StringValue, [b"nobody waits yet"])
    await asyncio.sleep(0)
    assert context.push(StringValue, [b"a", b"b"])
    assert got == [[b"a", b"b"]]
    assert not waiting.done()
    await context.write(StringValue(value="c"))
    assert not context.push(StringValue, [b"c is still to be read"])
    sealed = await waiting
    assert sealed is not None
    assert sealed.message == StringValue(value="c")
    assert got == [[b"a", b"b"]]


REFUSED: dict[str, tuple[type, list[bytes]]] = {
    "of another class": (BytesValue, [b"a"]),
    "larger than the sender takes": (StringValue, [b"a" * 45]),
    "larger than the sender takes in all": (StringValue, [b"a" * 20] * 2),
}


@pytest.mark.parametrize(("kind", "entries"), REFUSED.values(), ids=REFUSED)
async def test_what_cannot_be_pushed_has_to_be_written(
    kind: type, entries: list[bytes], context: InProcessContext
) -> None:
    got, waiting = reading(context)
    await asyncio.sleep(0)
    assert not context.push(kind, entries)
    assert not got
    waiting.cancel()


async def test_nothing_is_pushed_when_the_call_has_ended(context: InProcessContext) -> None:
    got, waiting = reading(context)
    await asyncio.sleep(0)
    context.rpc.cancel("left")
    assert not context.push(StringValue, [b"a"])
    assert await waiting is None
    assert not got


async def test_a_caller_may_refuse_what_is_pushed(context: InProcessContext) -> None:
    got, waiting = reading(context, wants=False)
    await asyncio.sleep(0)
    assert not context.push(StringValue, [b"a"])
    assert not got
    waiting.cancel()
