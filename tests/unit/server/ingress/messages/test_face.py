"""The Messages face, from its request to its answer."""

import json

import pytest

from server.errors import Internal
from server.ingress.face import Face
from server.ingress.messages.face import MessagesFace
from tests.unit.server.ingress.messages.bodies import body, chunk, completion


def test_a_request_comes_back_as_a_message() -> None:
    face: Face = MessagesFace()
    assert face.read(body(), stream=False).model == "m"
    assert json.loads(face.whole(completion({"content": "Hi"})))["content"] == [{"type": "text", "text": "Hi"}]


def test_a_request_comes_back_as_events() -> None:
    face: Face = MessagesFace()
    face.read(body(), stream=True)
    events = [*face.feed([chunk({"content": "Hi"})]), *face.feed([chunk({}, "stop")]), *face.finish()]
    assert json.loads(events[0])["type"] == "message_start"
    assert json.loads(events[-1])["type"] == "message_stop"


def test_an_answer_before_its_request_is_a_defect() -> None:
    with pytest.raises(Internal):
        MessagesFace().finish()
