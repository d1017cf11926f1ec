"""The Responses face, from its request to its answer."""

import json

import pytest
from msgspec import Raw

from server.errors import Internal, UpstreamStreamInterrupted
from server.ingress.face import Face
from server.ingress.responses.face import ResponsesFace
from tests.unit.server.ingress.messages.bodies import chunk, completion
from tests.unit.server.ingress.responses.bodies import body


def test_a_request_comes_back_as_a_response() -> None:
    face = ResponsesFace("resp_1")
    as_face: Face = face
    assert as_face.read(body(temperature=0.5), stream=False).model == "m"
    found = json.loads(face.whole(completion({"content": "Hi"})))
    assert (found["id"], found["temperature"]) == ("resp_1", 0.5)
    assert json.loads(face.result) == found
    assert [json.loads(bytes(item))["content"] for item in face.items] == ["Hi"]


def test_a_request_comes_back_as_events() -> None:
    face = ResponsesFace("resp_1")
    face.read(body(), stream=True)
    events = [*face.feed([chunk({"content": "Hi"})]), *face.feed([chunk({}, "stop")]), *face.finish()]
    assert json.loads(events[0])["type"] == "response.created"
    assert json.loads(events[-1])["response"] == json.loads(face.result)


def test_what_went_before_stands_before_the_input() -> None:
    history = [Raw(b'{"role":"user","content":"First"}'), Raw(b'{"role":"assistant","content":"Yes"}')]
    face = ResponsesFace("resp_1", history)
    request = face.read(body(), stream=False)
    assert [message.content for message in request.view.messages] == ["First", "Yes", "Hi"]
    assert len(face.items) == 3


def test_a_failure_has_an_event_once_the_stream_has_begun() -> None:
    face = ResponsesFace("resp_1")
    face.read(body(), stream=True)
    broke = UpstreamStreamInterrupted("It broke.")
    assert face.failed(broke) == []
    face.feed([chunk({"content": "Hi"})])
    assert len(face.failed(broke)) == 1


def test_an_answer_before_its_request_is_a_defect() -> None:
    with pytest.raises(Internal):
        ResponsesFace("resp_1").finish()
