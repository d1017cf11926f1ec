"""Calls behind requests: streams, their ends, and clients that leave."""

import asyncio
import json
import re

import httpx2
import pytest

from tests.unit.edge.conftest import Face
from tests.unit.edge.echo import REQUEST_ID

CHAT = "/v1/chat/completions"
EVENTS = b'data: {"n":1}\n\ndata: {"n":2}\n\ndata: {\ndata: "n": 3}\n\n'


async def test_a_stream_is_server_sent_events_closed_by_done(face: Face) -> None:
    answer = await face.client.post(CHAT, content=b'{"stream":true}')
    assert answer.status_code == 200
    assert answer.content == EVENTS + b"data: [DONE]\n\n"
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"] == answer.headers["request-id"] == REQUEST_ID
    assert "content-length" not in answer.headers


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"stream":false}', id="stream is false"),
        pytest.param(b'{"stream":null}', id="stream is null"),
        pytest.param(b'{"stream":"true"}', id="stream is a string"),
        pytest.param(b'{"a":{"stream":true}}', id="stream is inside"),
        pytest.param(b'{"stream":true', id="the body is cut"),
        pytest.param(b'[{"stream":true}]', id="the body is an array"),
    ],
)
async def test_only_a_true_stream_at_the_top_level_is_streamed(face: Face, body: bytes) -> None:
    answer = await face.client.post(CHAT, content=body)
    assert answer.content == body
    assert answer.headers["content-type"] == "application/json"


async def test_an_empty_stream_is_done_at_once(face: Face) -> None:
    answer = await face.client.post(CHAT, content=b'{"stream":true,"x":"empty"}')
    assert (answer.status_code, answer.content) == (200, b"data: [DONE]\n\n")


async def test_an_error_before_the_first_event_is_a_status(face: Face) -> None:
    answer = await face.client.post(CHAT, content=b'{"stream":true,"x":"fail-early"}')
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["error"]["code"] == "model_not_found"
    assert answer.headers["x-request-id"] == REQUEST_ID


async def test_an_error_after_the_first_event_is_the_last_event_and_there_is_no_done(face: Face) -> None:
    answer = await face.client.post(CHAT, content=b'{"stream":true,"x":"fail-late"}')
    assert answer.status_code == 200
    assert answer.content.startswith(EVENTS)
    last = answer.content[len(EVENTS) :]
    assert re.fullmatch(rb"data: \{.*\}\n\n", last)
    error = json.loads(last[len(b"data: ") :])["error"]
    assert error["code"] == "upstream_stream_interrupted"
    assert error["request_id"] == REQUEST_ID


async def test_other_streams_are_a_json_object_a_line(face: Face) -> None:
    answer = await face.client.get("/watch/3")
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert [json.loads(line)["size"] for line in answer.content.splitlines()] == [0, 1, 2]
    broken = (await face.client.get("/watch/1?count=1")).content.splitlines()
    assert [next(iter(json.loads(line))) for line in broken] == ["id", "error"]
    assert json.loads(broken[1])["error"]["code"] == "internal_error"
    assert (await face.client.get("/watch/0")).content == b""


async def test_a_stream_of_raw_bodies_is_one_body_under_the_first_ones_type(face: Face) -> None:
    answer = await face.client.get("/download/x")
    assert (answer.content, answer.headers["content-type"]) == (b"a,b\n1,2\n", "text/csv")


async def test_a_raw_body_that_breaks_is_cut_off_so_that_the_client_sees_it(face: Face) -> None:
    with pytest.raises(httpx2.RemoteProtocolError):
        await face.client.get("/download/cut")


async def test_a_silent_stream_is_kept_alive_by_comments(face: Face) -> None:
    async with face.client.stream("POST", CHAT, content=b'{"stream":true,"x":"hang"}') as answer:
        seen = b""
        async for piece in answer.aiter_raw():
            seen += piece
            if seen.count(b": ping\n\n") == 3:
                break
    assert seen == EVENTS + b": ping\n\n" * 3
    await _prompt(face.core.cancelled)


async def test_every_event_arrives_when_it_is_sent(face: Face) -> None:
    async with face.client.stream("POST", CHAT, content=b'{"stream":true,"x":"hang"}') as answer:
        pieces = answer.aiter_raw()
        seen = b""
        while len(seen) < len(EVENTS):
            seen += await anext(pieces)
        assert not face.core.may_go_on.is_set()
        face.core.may_go_on.set()
        rest = b"".join([piece async for piece in pieces])
    assert rest.replace(b": ping\n\n", b"") == b"data: [DONE]\n\n"


@pytest.mark.parametrize(
    "request_head",
    [
        pytest.param(b"GET /hang HTTP/1.1\r\nhost: x\r\n\r\n", id="a unary call"),
        pytest.param(
            b'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 27\r\n\r\n{"stream":true ,"x":"hang"}',
            id="a stream",
        ),
    ],
)
@pytest.mark.parametrize("is_abrupt", [False, True], ids=["closed", "reset"])
async def test_a_client_that_leaves_stops_the_call(face: Face, request_head: bytes, is_abrupt: bool) -> None:
    for _ in range(5):
        face.core.reset()
        _, writer = await asyncio.open_connection("127.0.0.1", face.port)
        writer.write(request_head)
        async with asyncio.timeout(60):
            await face.core.began.wait()
        if is_abrupt:
            writer.transport.abort()
        else:
            writer.close()
        await _prompt(face.core.cancelled)


async def test_a_client_that_leaves_before_its_body_is_whole_is_answered_nothing(face: Face) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", face.port)
    writer.write(b"POST /items HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
    await writer.drain()
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()
    assert (await face.client.get("/items/1")).status_code == 200


async def test_a_slow_call_is_answered_while_its_client_waits(face: Face) -> None:
    asking = asyncio.create_task(face.client.get("/hang"))
    await face.core.began.wait()
    await asyncio.sleep(0.05)
    face.core.may_go_on.set()
    answer = await asking
    assert answer.json()["id"] == "let go"
    assert not face.core.cancelled.is_set()


async def test_many_requests_share_a_connection(face: Face) -> None:
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{face.port}", timeout=60) as client:
        for index in range(20):
            assert (await client.get(f"/items/{index}")).json()["id"] == str(index)
            assert (await client.post(CHAT, content=b'{"stream":true}')).content.endswith(b"[DONE]\n\n")


async def _prompt(event: asyncio.Event) -> None:
    async with asyncio.timeout(5):
        await event.wait()
