"""A call through a face, over a pipeline that answers what it is told."""

import contextlib
import json
from collections.abc import AsyncGenerator, Callable
from typing import Any, cast

import pytest
from msgspec.structs import replace

from server.chat.principal import Call, Plan, Principal
from server.errors import UpstreamBadResponse, UpstreamStreamInterrupted
from server.ingress.face import Face
from server.ingress.messages.face import MessagesFace
from server.ingress.responses.face import ResponsesFace
from server.pipeline import Pipeline
from server.prepared import Read
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


class Pushing(Answers):
    """A pipeline that pushes every chunk after the first, as long as they are taken; what is refused it yields."""

    async def stream(self, call: Call, body: bytes, read: Read) -> AsyncGenerator[list[bytes], None]:
        assert call.push is not None
        read(body, stream=True)
        for number, one in enumerate(self.chunks):
            ready = [one]
            if not number or not call.push(ready):
                yield ready


FACES: dict[str, Callable[[], Face]] = {"messages": MessagesFace, "responses": lambda: ResponsesFace("resp_1")}


@pytest.mark.parametrize("takes", [0, 1, 3, 99], ids=lambda takes: f"{takes} lists are taken")
@pytest.mark.parametrize("face", FACES.values(), ids=FACES)
async def test_what_is_pushed_of_a_face_is_what_it_would_have_yielded(face: Callable[[], Face], takes: int) -> None:
    chunks = [chunk({"content": "Hi"}), chunk({"content": " you"}), chunk({}), chunk({"content": "!"})]
    answers = Pushing(*chunks, chunk({}, "stop"))
    expected = await kinds(Answers(*answers.chunks), face())
    found: list[str] = []
    pushed_count = 0

    def push(events: list[bytes]) -> bool:
        nonlocal pushed_count
        if pushed_count == takes:
            return False
        pushed_count += 1
        found.extend(json.loads(event)["type"] for event in events)
        return True

    call = replace(CALL, push=push)
    async for events in facing.stream(pipeline(answers), call, body(input="Hi"), face()):
        found += [json.loads(event)["type"] for event in events]
    assert found == expected
    assert bool(pushed_count) is bool(takes)
