"""Which dialect serves a request at a provider."""

import pytest

from server.chat.deployment import Candidate, Deployment
from server.chat.native import NativeRequest
from server.chat.request import ChatRequest, parse_chat_request
from server.errors import ParamUnsupported
from server.providers.anthropic.native import NativeAnthropic
from server.providers.choice import ForeignDialect, dialect_for
from server.providers.registry import PROVIDERS

CANDIDATE = Candidate(Deployment("prov_1", "ws_1", "openai", "https://api.openai.com/v1", "sk-1"), "gpt-4o")
LOSSES = (("container", "is not sent."),)


def asked(native: NativeRequest | None) -> ChatRequest:
    request = parse_chat_request(b'{"messages":[{"role":"user","content":"Hi"}]}')
    request.native = native
    return request


def test_a_chat_request_gets_the_usual_one() -> None:
    assert dialect_for(PROVIDERS["anthropic"], asked(None)) is PROVIDERS["anthropic"].dialect


def test_a_request_in_the_providers_own_form_gets_that_form() -> None:
    request = asked(NativeRequest("messages", {}, losses=LOSSES))
    assert isinstance(dialect_for(PROVIDERS["anthropic"], request), NativeAnthropic)
    assert dialect_for(PROVIDERS["openai"], asked(NativeRequest("messages", {}))) is PROVIDERS["openai"].dialect


def test_others_are_told_of_what_they_do_not_get() -> None:
    request = asked(NativeRequest("messages", {}, losses=LOSSES))
    dialect = dialect_for(PROVIDERS["openai"], request)
    assert isinstance(dialect, ForeignDialect)
    wire = dialect.build(request, CANDIDATE, is_stream=False)
    assert b"container" not in wire.body
    assert request.notes == ["container is not sent."]


def test_a_strict_request_is_refused_for_it() -> None:
    request = asked(NativeRequest("", {}, losses=LOSSES))
    request.is_strict = True
    with pytest.raises(ParamUnsupported) as caught:
        dialect_for(PROVIDERS["anthropic"], request).build(request, CANDIDATE, is_stream=False)
    assert caught.value.param == "container"


def test_a_request_in_a_form_that_the_provider_has_not_is_refused() -> None:
    request = asked(NativeRequest("embeddings", {}, needs="embeddings"))
    with pytest.raises(ParamUnsupported, match="needs: embeddings"):
        dialect_for(PROVIDERS["groq"], request)
