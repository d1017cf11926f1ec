"""The Responses face, from its request to its answer."""

import json

import pytest
from msgspec import Raw

from server.errors import Internal, RequestInvalid, UpstreamStreamInterrupted
from server.ingress.face import Face
from server.ingress.responses.face import Before, ResponsesFace, Wish, wish_of
from tests.unit.server.ingress.messages.bodies import chunk, completion
from tests.unit.server.ingress.responses.bodies import body


def test_a_request_comes_back_as_a_response() -> None:
    face = ResponsesFace("resp_1")
    as_face: Face = face
    assert as_face.read(body(temperature=0.5), stream=False).model == "m"
    found = json.loads(face.whole(completion({"content": "Hi"})))
    assert (found["id"], found["temperature"]) == ("resp_1", 0.5)
    assert json.loads(face.result) == found
    assert [item["content"] for item in json.loads(face.items)] == ["Hi"]
    assert not face.is_kept


def test_a_request_comes_back_as_events() -> None:
    face = ResponsesFace("resp_1")
    face.read(body(), stream=True)
    events = [*face.feed([chunk({"content": "Hi"})]), *face.feed([chunk({}, "stop")]), *face.finish()]
    assert json.loads(events[0])["type"] == "response.created"
    assert json.loads(events[-1])["response"] == json.loads(face.result)


def test_what_went_before_stands_before_the_input() -> None:
    history = [Raw(b'{"role":"user","content":"First"}'), Raw(b'{"role":"assistant","content":"Yes"}')]
    face = ResponsesFace("resp_1", Before(history))
    request = face.read(body(), stream=False)
    assert [message.content for message in request.view.messages] == ["First", "Yes", "Hi"]
    assert len(json.loads(face.items)) == 3


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


@pytest.mark.parametrize(
    ("sent", "wish"),
    [
        (body(), Wish()),
        (body(store=True), Wish(store=True)),
        (body(store=None, previous_response_id="resp_0"), Wish(previous_response_id="resp_0")),
        (body(store="yes"), Wish()),
        (b"{", Wish()),
        (b'{"input":"\xff"}', Wish()),
        (b'{"input":' + b"[" * 100_000, Wish()),
    ],
    ids=["nothing", "kept", "going on", "of the wrong type", "no JSON", "no UTF-8", "too deep"],
)
def test_what_a_request_wants_of_what_is_kept(sent: bytes, wish: Wish) -> None:
    assert wish_of(sent) == wish


def test_what_was_refused_before_is_refused_when_it_is_read() -> None:
    face = ResponsesFace("resp_1", Before(refusal=RequestInvalid("No.", param="previous_response_id")))
    with pytest.raises(RequestInvalid):
        face.read(body(), stream=False)


def test_a_response_that_is_to_be_kept_says_so_and_is_handed_out() -> None:
    face = ResponsesFace("resp_1")
    face.read(body(store=True, previous_response_id="resp_0"), stream=False)
    assert not face.is_kept
    found = json.loads(face.whole(completion({"content": "Hi"})))
    assert face.is_kept
    assert (found["id"], found["store"], found["previous_response_id"]) == ("resp_1", True, "resp_0")


NATIVE = b'{"id":"resp_theirs","object":"response","output":[],"store":false,"previous_response_id":null}'


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({}, ("resp_theirs", False, None)),
        ({"store": True}, ("resp_1", True, None)),
        ({"previous_response_id": "resp_0"}, ("resp_theirs", False, "resp_0")),
    ],
    ids=["not kept", "kept", "going on"],
)
def test_a_providers_own_response_says_what_the_gateway_keeps(
    members: dict[str, object], told: tuple[str, bool, str | None]
) -> None:
    whole, streamed = ResponsesFace("resp_1"), ResponsesFace("resp_1")
    whole.read(body(**members), stream=False)
    streamed.read(body(**members), stream=True)
    begun = b'{"type":"response.created","sequence_number":0,"response":%b}' % NATIVE
    ended = b'{"type":"response.completed","sequence_number":1,"response":%b}' % NATIVE
    events = streamed.feed([b'{"choices":[],"native":%b}' % each for each in (begun, ended)]) + streamed.finish()
    answer = whole.whole(completion({"content": "Hi"})[:-1] + b',"native":%b}' % NATIVE)
    for found in (json.loads(answer), *(json.loads(event)["response"] for event in events)):
        assert (found["id"], found["store"], found["previous_response_id"]) == told
    assert json.loads(streamed.result)["id"] == told[0]
    if not members:
        assert events[0] == begun


def test_what_could_not_be_kept_says_why() -> None:
    face = ResponsesFace("resp_1")
    face.read(body(store=True), stream=True)
    events = [*face.feed([chunk({"content": "Hi"})]), *face.feed([chunk({}, "stop")]), *face.finish()]
    told = face.without_keeping(events, "it rains")
    assert told[:-1] == events[:-1]
    response = json.loads(told[-1])["response"]
    assert response["store"] is False
    assert response["gateway_metadata"]["notes"] == ["The response is not kept: it rains."]
