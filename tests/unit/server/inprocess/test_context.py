"""What a handler's context does that a socket's does not, or that only shows inside."""

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue

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
