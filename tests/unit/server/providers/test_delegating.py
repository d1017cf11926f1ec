"""A dialect that is another one in every verb."""

import json
from typing import Any

import pytest

from server.chat.deployment import Candidate, Deployment
from server.chat.request import parse_chat_request
from server.providers.delegating import DelegatingDialect
from server.providers.dialect import Dialect
from server.providers.openai import OpenAiDialect

PLAIN = OpenAiDialect()
SAME: Dialect = DelegatingDialect(PLAIN)
DEPLOYMENT = Deployment("prov_1", "ws_1", "openai", "https://api.openai.com/v1", "sk-1")
ANSWER = json.dumps({"choices": [{"message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}]})
VERBS: list[tuple[str, Any]] = [
    ("name", lambda dialect: dialect.name),
    ("framing", lambda dialect: dialect.framing),
    ("check", lambda dialect: dialect.check(DEPLOYMENT)),
    ("answer", lambda dialect: dialect.answer(200, {}, ANSWER.encode())),
    ("is_stream", lambda dialect: dialect.is_stream(200, {"content-type": "text/event-stream"})),
    ("stream", lambda dialect: type(dialect.stream())),
    ("error", lambda dialect: dialect.error(500, {}, b"").reason),
]


@pytest.mark.parametrize("verb", [case[1] for case in VERBS], ids=[case[0] for case in VERBS])
def test_a_verb_is_that_of_the_plain_one(verb: Any) -> None:
    assert verb(SAME) == verb(PLAIN)


def test_a_request_is_built_as_the_plain_one_does() -> None:
    request = parse_chat_request(b'{"messages":[{"role":"user","content":"Hi"}]}')
    candidate = Candidate(DEPLOYMENT, "gpt-4o")
    assert SAME.build(request, candidate, is_stream=False) == PLAIN.build(request, candidate, is_stream=False)
