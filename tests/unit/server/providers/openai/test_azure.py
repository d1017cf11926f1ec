"""Azure's addresses and credentials, with the client of OpenAI's SDK for it as the judge."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import httpx2
import openai
import pytest
from msgspec import Raw

from server.chat.deployment import Candidate, Deployment
from server.chat.native import NativeRequest
from server.chat.request import parse_chat_request
from server.chat.wire import WireRequest
from server.errors import RequestInvalid
from server.providers.choice import dialect_for
from server.providers.openai.azure import API_VERSION, AUTHORITY, AzureAccess, AzureCredential
from server.providers.registry import PROVIDERS

HOST = "https://contoso.openai.azure.com"
APP = "tenant_id=t-1;client_id=app-1;client_secret=s~1+&="
ROW = PROVIDERS["azure"]
RULES = AzureCredential()
MESSAGES: list[Any] = [{"role": "user", "content": "hi"}]
VERSION = "2025-04-01-preview"
SECRETS: list[tuple[str, dict[str, Any]]] = [
    ("key=k-1", {"api_key": "k-1"}),
    ("token=ey.J1", {"azure_ad_token": "ey.J1"}),
]
Ask = Callable[[openai.OpenAI, str], object]


def entry(api_key: str = "k-1", base_url: str = HOST) -> Deployment:
    return Deployment("prov_1", "ws_1", "azure", base_url, api_key)


def built(deployment: Deployment, model: str, verb: str) -> WireRequest:
    if verb == "embeddings":
        native = NativeRequest("embeddings", {"input": Raw(b'"hi"'), "model": Raw(b'"x"')}, needs="embeddings")
        request = parse_chat_request(json.dumps({"messages": MESSAGES}).encode())
        request.native = native
        return dialect_for(ROW, request).build(request, Candidate(deployment, model), is_stream=False)
    request = parse_chat_request(json.dumps({"model": "x", "messages": MESSAGES}).encode())
    return ROW.dialect.build(request, Candidate(deployment, model), is_stream=False)


def embed(client: openai.OpenAI, model: str) -> object:
    return client.embeddings.create(model=model, input="hi", encoding_format="float")


def chat(client: openai.OpenAI, model: str) -> object:
    return client.chat.completions.create(model=model, messages=MESSAGES)


def sent_by_sdk(make: Callable[[httpx2.Client], openai.OpenAI], ask: Ask, model: str) -> httpx2.Request:
    """What the SDK sends."""
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(418, json={"error": {"message": "x"}})

    with httpx2.Client(transport=httpx2.MockTransport(answer)) as http:
        client = make(http)
        with pytest.raises(openai.APIStatusError):
            ask(client.with_options(max_retries=0), model)
    return seen[0]


def assert_same(ours: WireRequest, theirs: httpx2.Request) -> None:
    url = httpx2.URL(ours.url)
    assert (ours.method, url.host, url.raw_path) == (theirs.method, theirs.url.host, theirs.url.raw_path)
    for name in ("api-key", "authorization"):
        given = {header.lower(): value for header, value in ours.headers.items()}
        assert given.get(name) == theirs.headers.get(name)


@pytest.mark.parametrize("model", ["gpt-4o", "my.dep_1"])
@pytest.mark.parametrize(("verb", "ask"), [("chat", chat), ("embeddings", embed)])
@pytest.mark.parametrize(("credential", "given"), SECRETS, ids=["a key", "a token"])
def test_the_older_surface_is_asked_as_the_sdk_asks(
    credential: str, given: dict[str, Any], verb: str, ask: Ask, model: str
) -> None:
    def make(http: httpx2.Client) -> openai.OpenAI:
        return openai.AzureOpenAI(azure_endpoint=HOST, api_version=VERSION, http_client=http, **given)

    ours = built(entry(f"{credential};api_version={VERSION}"), model, verb)
    assert_same(ours, sent_by_sdk(make, ask, model))


@pytest.mark.parametrize(("verb", "ask"), [("chat", chat), ("embeddings", embed)])
def test_the_surface_without_versions_is_asked_as_the_sdk_asks(verb: str, ask: Ask) -> None:
    def make(http: httpx2.Client) -> openai.OpenAI:
        return openai.OpenAI(base_url=f"{HOST}/openai/v1/", api_key="ey.J1", http_client=http)

    ours = built(entry("token=ey.J1", f"{HOST}/openai/v1"), "gpt-4o", verb)
    assert_same(ours, sent_by_sdk(make, ask, "gpt-4o"))
    assert json.loads(ours.body)["model"] == "gpt-4o"


@pytest.mark.parametrize(
    ("base_url", "api_key", "url"),
    [
        (HOST, "k", f"{HOST}/openai/deployments/a%2F..%20b/chat/completions?api-version={API_VERSION}"),
        (f"{HOST}/openai", "k", f"{HOST}/openai/deployments/a%2F..%20b/chat/completions?api-version={API_VERSION}"),
        (f"{HOST}/openai/v1", "k", f"{HOST}/openai/v1/chat/completions"),
        (f"{HOST}/openai/v1", "key=k;api_version=preview", f"{HOST}/openai/v1/chat/completions?api-version=preview"),
    ],
    ids=["the older surface", "the older surface, named", "the newer surface", "a preview of the newer surface"],
)
def test_an_address(base_url: str, api_key: str, url: str) -> None:
    assert AzureAccess().url(entry(api_key, base_url), "/chat/completions", "a/.. b") == url


def test_a_credential_is_tried_where_models_are_listed() -> None:
    wire = ROW.dialect.check(entry())
    assert (wire.method, wire.url) == ("GET", f"{HOST}/openai/models?api-version={API_VERSION}")
    assert wire.headers["api-key"] == "k-1"


def test_an_application_of_entra_is_granted_a_token() -> None:
    wire = built(entry(APP), "gpt-4o", "chat")
    assert not {"api-key", "authorization"} & {name.lower() for name in wire.headers}
    grant = wire.grant
    assert grant is not None
    assert (grant.method, grant.url) == ("POST", f"{AUTHORITY}/t-1/oauth2/v2.0/token")
    assert {name: value for name, [value] in parse_qs(grant.body.decode()).items()} == {
        "client_id": "app-1",
        "client_secret": "s~1+&=",
        "scope": "https://cognitiveservices.azure.com/.default",
        "grant_type": "client_credentials",
    }
    assert "s~1" not in repr(wire)
    more = ";authority=https://login.microsoftonline.us/;scope=https://ai.azure.com/.default"
    grant = ROW.dialect.check(entry(APP + more)).grant
    assert grant is not None
    assert grant.url == "https://login.microsoftonline.us/t-1/oauth2/v2.0/token"
    assert b"ai.azure.com" in grant.body


def test_embeddings_in_parts_are_granted_a_token_too() -> None:
    assert built(entry(APP), "e", "embeddings").grant is not None


@pytest.mark.parametrize("api_key", ["abc", "key=abc", "token=ey.J1", APP, "key=a;api_version=preview"])
def test_takes(api_key: str) -> None:
    RULES.check(HOST, api_key)


@pytest.mark.parametrize(
    ("base_url", "api_key", "param", "says"),
    [
        (HOST, "tenant_id=t;client_id=c", "api_key", "client_secret"),
        (HOST, "key=a;api_version=2024", "api_key", "api_version"),
        (HOST, "key=a;api_version=2024-10-21&x=1", "api_key", "api_version"),
        (HOST, APP.replace("t-1", "t/../x"), "api_key", "tenant_id"),
        (HOST, f"{APP};authority=http://login.example", "api_key", "authority"),
        (HOST, f"{APP};authority=https://login.example/a?b", "api_key", "authority"),
        (f"{HOST}/openai/deployments/gpt-4o", "a", "base_url", "/deployments"),
    ],
    ids=["half a credential", "no version", "more than a version", "a tenant that leads elsewhere", "no https",
         "more than a host", "an address with a deployment"],
)  # fmt: skip
def test_refuses_and_says_what_to_do(base_url: str, api_key: str, param: str, says: str) -> None:
    with pytest.raises(RequestInvalid, match=says) as caught:
        RULES.check(base_url, api_key)
    assert caught.value.param == param
    assert "s~1" not in caught.value.message


def test_a_gateway_within_the_own_network_may_ask_without_https() -> None:
    RULES.check("http://127.0.0.1:9/azure", f"{APP};authority=http://127.0.0.1:9")


@pytest.mark.parametrize(("api_key", "shown"), [("k-1", "k-1"), ("token=ey.J1", "ey.J1"), (APP, "app-1")])
def test_what_may_be_shown(api_key: str, shown: str) -> None:
    assert RULES.shown(api_key) == shown
