"""What would be lost, told in advance."""

import json

from server.chat.deployment import Candidate, Deployment
from server.chat.request import ChatRequest, parse_chat_request
from server.providers.anthropic.dialect import AnthropicDialect
from server.providers.bedrock.dialect import BedrockDialect
from server.routing.preview import notes_in_advance

CANDIDATE = Candidate(Deployment("prov_1", "ws_1", "p", "https://p.example", "k"), "m")


def request_of(**members: object) -> ChatRequest:
    body = {"messages": [{"role": "user", "content": "a"}], "max_tokens": 9, **members}
    return parse_chat_request(json.dumps(body).encode())


def test_nothing_lost_is_nothing_to_tell() -> None:
    assert notes_in_advance(request_of(), CANDIDATE, AnthropicDialect()) == []


def test_what_would_be_lost_is_told_and_the_request_stays_as_it_was() -> None:
    request = request_of(seed=7, n=2)
    request.notes.append("an older note")
    told = notes_in_advance(request, CANDIDATE, AnthropicDialect())
    assert [note.split()[0] for note in told] == ["seed", "n"]
    assert (request.notes, request.told) == (["an older note"], [])


def test_what_it_would_be_refused_for_is_told_last() -> None:
    request = request_of(seed=7, n=2)
    request.is_strict = True
    [refusal] = notes_in_advance(request, CANDIDATE, AnthropicDialect())
    assert refusal.startswith("The request is strict, and seed is not sent")


def test_a_picture_that_has_to_be_fetched_is_told_as_such() -> None:
    part = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    request = request_of(messages=[{"role": "user", "content": [{"type": "text", "text": "a"}, part]}])
    [told] = notes_in_advance(request, CANDIDATE, BedrockDialect())
    assert told.startswith("messages[0].content[1].image_url.url has to be fetched")
