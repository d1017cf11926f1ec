"""A call through a face, over a pipeline that answers what it is told."""

import contextlib
import json
from collections.abc import AsyncGenerator
from typing import Any, cast

import pytest

from server.chat.principal import Call, Plan, Principal
from server.errors import UpstreamBadResponse, UpstreamStreamInterrupted
from server.ingress.face import Face
from server.ingress.messages.face import MessagesFace
from server.ingress.responses.face import ResponsesFace
from server.pipeline import Pipeline, Read
from server.services import facing
from tests.unit.server.ingress.messages.bodies import body, chunk, completion

CALL = Call("req_1", Principal("usr_1", "ws_1", Plan.FREE), 0.0, 60.0)


class Answers:
    """Stands where the pipeline does; `is_closed` once its stream was left."""

    def __init__(self, *chunks: bytes, error: Exception | None = None) -> None:
        self.chunks = chunks
        self.error = error
        self.is_closed = False

    async def complete(self, call: Call, body: bytes, read: Read) -> bytes:
        assert not read(body, stream=False).is_stream
        return self.chunks[0]

    async def stream(self, call: Call, body: bytes, read: Read) -> AsyncGenerator[list[bytes], None]:
        assert read(body, stream=True).is_stream
        try:
            for one in self.chunks:
                yield [one]
            if self.error is not None:
                raise self.error
        finally:
            self.is_closed = True


def pipeline(answers: Answers) -> Pipeline:
    return cast(Any, answers)  # type: ignore[no-any-return]


async def kinds(answers: Answers, face: Face | None = None, found: list[str] | None = None) -> list[str]:
    found = [] if found is None else found
    async for events in facing.stream(pipeline(answers), CALL, body(input="Hi"), face or MessagesFace()):
        assert events
        found += [json.loads(event)["type"] for event in events]
    return found


async def test_a_whole_answer_is_in_the_faces_form() -> None:
    answers = Answers(completion({"content": "Hi"}))
    found = await facing.complete(pipeline(answers), CALL, body(), MessagesFace())
    assert json.loads(found)["type"] == "message"


async def test_a_stream_is_in_the_faces_form_and_ends() -> None:
    answers = Answers(chunk({"content": "Hi"}), chunk({}), chunk({}, "stop"))
    assert (await kinds(answers))[-1] == "message_stop"
    assert answers.is_closed


async def test_a_stream_that_breaks_does_not_end_as_if_it_were_whole() -> None:
    answers = Answers(chunk({"content": "Hi"}), error=UpstreamStreamInterrupted("It broke."))
    with pytest.raises(UpstreamStreamInterrupted):
        await kinds(answers)


async def test_a_stream_that_cannot_be_read_is_left() -> None:
    answers = Answers(chunk({"content": "Hi"}), b"{", chunk({}, "stop"))
    with pytest.raises(UpstreamBadResponse):
        await kinds(answers)
    assert answers.is_closed


async def test_a_face_says_itself_that_its_stream_broke() -> None:
    answers = Answers(chunk({"content": "Hi"}), error=UpstreamStreamInterrupted("It broke."))
    found: list[str] = []
    with pytest.raises(UpstreamStreamInterrupted):
        await kinds(answers, ResponsesFace("resp_1"), found)
    assert found[-1] == "response.failed"
    assert answers.is_closed


async def test_a_face_that_said_nothing_says_no_more_than_the_reason() -> None:
    found: list[str] = []
    with pytest.raises(UpstreamStreamInterrupted):
        await kinds(Answers(error=UpstreamStreamInterrupted("It broke.")), ResponsesFace("resp_1"), found)
    assert found == []


async def test_what_is_to_be_done_before_the_end_is_done_then_and_only_for_a_whole_stream() -> None:
    sent: list[bytes] = []

    async def end(events: list[bytes]) -> list[bytes]:
        assert sent
        return [*events, b'{"type":"more"}']

    for error in (None, UpstreamStreamInterrupted("It broke.")):
        sent.clear()
        answers = Answers(chunk({"content": "Hi"}), chunk({}, "stop"), error=error)
        with contextlib.suppress(UpstreamStreamInterrupted):
            async for events in facing.stream(pipeline(answers), CALL, body(), MessagesFace(), end):
                sent += events
        assert (sent[-1] == b'{"type":"more"}') is (error is None)
