"""What would be lost, told in advance."""

import json

from server.chat.deployment import Candidate, Deployment
from server.chat.request import ChatRequest, parse_chat_request
from server.providers.anthropic.dialect import AnthropicDialect
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
