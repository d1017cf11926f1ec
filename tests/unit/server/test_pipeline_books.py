"""What the pipeline writes down before which bytes go out: a client that has its answer is in the books."""

import asyncio
import gc

import pytest

from server import errors
from server.routing.operation import Operation
from tests.unit.server.piped import ASKS_USAGE, BODY, build, call
from tests.unit.server.routing.scripted import DONE, FINISH, HI, ROLE, USAGE, Reply, whole


async def test_an_answer_is_in_the_books_when_it_is_returned() -> None:
    pipeline, ledger, _ = build([whole()])
    await pipeline.complete(call(), BODY)
    assert [record.outcome for record in ledger.records] == ["ok"]


@pytest.mark.parametrize("body", [BODY, ASKS_USAGE], ids=["without usage", "with usage"])
async def test_a_stream_is_in_the_books_before_its_last_bytes_go_out(body: bytes) -> None:
    pipeline, ledger, _ = build([Reply([ROLE, HI, HI, FINISH, USAGE, DONE])])
    settled = [len(ledger.records) async for _ in pipeline.stream(call(), body)]
    assert settled[-1] == 1
    assert set(settled[:-1]) == {0}
    assert [record.outcome for record in ledger.records] == ["ok"]


async def test_leaving_at_the_last_bytes_settles_once() -> None:
    pipeline, ledger, _ = build([Reply([ROLE, HI, FINISH, USAGE, DONE])])
    stream = pipeline.stream(call(), BODY)
    async for events in stream:
        if b"gateway_metadata" in events[-1]:
            break
    await stream.aclose()
    assert [record.outcome for record in ledger.records] == ["ok"]


async def test_every_attempt_is_noted_when_it_goes_out() -> None:
    pipeline, ledger, _ = build([whole(b"{}", 500), whole()])
    await pipeline.complete(call(client_request_id="mine"), BODY)
    [record] = ledger.records
    assert [(start.number, start.provider_id, start.earlier) for start in ledger.starts] == [
        (attempt.number, attempt.provider_id, record.attempts[:index]) for index, attempt in enumerate(record.attempts)
    ]
    first, _ = ledger.starts
    assert (first.request_id, first.workspace_id, first.user_id, first.key_id) == ("req_1", "ws_1", "usr_1", "key_1")
    assert (first.client_request_id, first.model_requested, first.provider, first.model) == ("mine", "m", "openai", "m")
    assert (first.is_stream, first.is_cache_hit) == (False, False)


async def test_what_goes_to_no_provider_is_not_noted_as_begun() -> None:
    pipeline, ledger, _ = build([whole()])
    with pytest.raises(errors.RequestInvalid):
        await pipeline.complete(call(), b"[]")
    assert ledger.starts == []
    assert len(ledger.records) == 1


async def test_a_request_that_could_not_be_written_down_goes_to_no_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline, ledger, transport = build([whole()])

    def refuse() -> None:
        raise errors.StoreUnavailable("no room")

    monkeypatch.setattr(ledger, "check", refuse)
    with pytest.raises(errors.StoreUnavailable, match="no room"):
        await pipeline.complete(call(), BODY)
    assert transport.sent == []
    assert [record.outcome for record in ledger.records] == ["STORE_UNAVAILABLE"]


@pytest.mark.parametrize("is_stream", [False, True])
async def test_the_last_bytes_wait_until_the_disk_has_the_record(
    monkeypatch: pytest.MonkeyPatch, *, is_stream: bool
) -> None:
    pipeline, ledger, _ = build([Reply([ROLE, HI, FINISH, USAGE, DONE]) if is_stream else whole()])
    disk = asyncio.get_running_loop().create_future()
    monkeypatch.setattr(ledger, "secured", lambda: disk)
    out: list[object] = []

    async def ask() -> None:
        if is_stream:
            async for events in pipeline.stream(call(), BODY):
                out.extend(events)
        else:
            out.append(await pipeline.complete(call(), BODY))

    asking = asyncio.ensure_future(ask())
    async with asyncio.timeout(60):
        while not ledger.records:
            await asyncio.sleep(0)
    for _ in range(5):
        await asyncio.sleep(0)
    assert b"gateway_metadata" not in b"".join(part for part in out if isinstance(part, bytes))
    disk.set_result(None)
    await asking
    assert isinstance(out[-1], bytes)
    assert b"gateway_metadata" in out[-1]


async def test_a_settled_request_holds_on_to_nothing() -> None:
    pipeline, _, _ = build([whole()])
    await pipeline.complete(call(), BODY)
    gc.collect()
    before = sum(isinstance(each, Operation) for each in gc.get_objects())
    gc.disable()
    try:
        pipeline, _, _ = build([whole()])
        await pipeline.complete(call(), BODY)
        assert sum(isinstance(each, Operation) for each in gc.get_objects()) == before
    finally:
        gc.enable()
