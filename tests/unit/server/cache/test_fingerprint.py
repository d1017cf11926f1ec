"""Fingerprints: equal for what must be answered alike, different for all else, tenants first of all."""

import json
import random
from dataclasses import replace
from typing import Any

import pytest
from msgspec import Raw

from server.cache.fingerprint import Scope, fingerprint
from server.chat.deployment import Deployment
from server.chat.native import NativeRequest
from server.chat.request import parse_chat_request

ENTRY = Deployment("prov_1", "ws_1", "openai", "https://x.example/v1", "sk-1")
OTHER = Deployment("prov_2", "ws_1", "groq", "https://y.example/v1", "sk-2", 2)
SCOPE = Scope("ws_1", ("a", "b"), "default", (ENTRY, OTHER))
BODY = (
    b'{"model":"m","temperature":0,"messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":'
    b'{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}}}}}]}'
)


def of(body: bytes, scope: Scope = SCOPE) -> bytes | None:
    return fingerprint(parse_chat_request(body), scope)


SAME: list[tuple[str, bytes]] = [
    ("another order of members", BODY[:-1].replace(b'"model":"m",', b"") + b',"model":"m"}'),
    ("spaces and lines", b"{ \n" + BODY[1:].replace(b'"temperature":0', b'"temperature" :  0')),
    ("0 and 0.0", BODY.replace(b'"temperature":0', b'"temperature":0.0')),
    ("escapes", BODY.replace(b'"hi"', b'"\\u0068i"')),
    ("streamed", BODY[:-1] + b',"stream":true,"stream_options":{"include_usage":true}}'),
    ("another user", BODY[:-1] + b',"user":"u","safety_identifier":"s","metadata":{"a":"b"}}'),
    ("hints for the provider's own cache", BODY[:-1] + b',"prompt_cache_key":"k","prompt_cache_retention":"24h"}'),
    ("knobs", BODY[:-1] + b',"gateway":{"cache":"max-age=5"}}'),
    ("null for what is absent", BODY[:-1] + b',"seed":null}'),
    ("the order inside a message", BODY.replace(b'"role":"user","content":"hi"', b'"content":"hi","role":"user"')),
]


@pytest.mark.parametrize("body", [case[1] for case in SAME], ids=[case[0] for case in SAME])
def test_the_same(body: bytes) -> None:
    assert of(body) == of(BODY)


DIFFERENT: list[tuple[str, bytes]] = [
    ("another word", BODY.replace(b'"hi"', b'"ho"')),
    ("another model", BODY.replace(b'"m"', b'"n"')),
    ("another temperature", BODY.replace(b'"temperature":0', b'"temperature":1')),
    ("a seed", BODY[:-1] + b',"seed":1}'),
    ("a bound", BODY[:-1] + b',"max_tokens":5}'),
    ("several choices", BODY[:-1] + b',"n":2}'),
    ("a member that nobody knows", BODY[:-1] + b',"top_k":5}'),
    ("a service tier", BODY[:-1] + b',"service_tier":"flex"}'),
    ("a schema", BODY[:-1] + b',"response_format":{"type":"json_object"}}'),
    (
        "properties in another order",
        BODY.replace(b'"a":{"type":"string"},"b":{"type":"string"}', b'"b":{"type":"string"},"a":{"type":"string"}'),
    ),
    ("messages in another order", BODY.replace(b'[{"role"', b'[{"role":"user","content":"x"},{"role"')),
    ("a number as text", BODY[:-1] + b',"stop":"1"}'),
]


@pytest.mark.parametrize("body", [case[1] for case in DIFFERENT], ids=[case[0] for case in DIFFERENT])
def test_different(body: bytes) -> None:
    assert of(body) != of(BODY)


SCOPES: list[tuple[str, Scope]] = [
    ("another workspace", replace(SCOPE, workspace_id="ws_2")),
    ("a key that may use less", replace(SCOPE, allowed_models=("a",))),
    ("another strategy", replace(SCOPE, strategy="fastest")),
    ("another credential", replace(SCOPE, deployments=(replace(ENTRY, api_key="sk-9"), OTHER))),
    ("another address", replace(SCOPE, deployments=(replace(ENTRY, base_url="https://z.example/v1"), OTHER))),
    ("another entry", replace(SCOPE, deployments=(replace(ENTRY, provider_id="prov_3"), OTHER))),
    ("an entry less", replace(SCOPE, deployments=(ENTRY,))),
]


@pytest.mark.parametrize("scope", [case[1] for case in SCOPES], ids=[case[0] for case in SCOPES])
def test_scopes_are_apart(scope: Scope) -> None:
    assert of(BODY, scope) != of(BODY)


def test_the_order_of_entries_and_of_an_allow_list_does_not_count() -> None:
    scope = replace(SCOPE, allowed_models=("b", "a"), deployments=(OTHER, ENTRY))
    assert of(BODY, scope) == of(BODY)


def test_a_number_that_no_double_holds_has_no_fingerprint() -> None:
    assert of(BODY[:-1] + b',"x":1e999}') is None
    assert of(BODY[:-1] + b',"x":123456789012345678901234567890}') is not None


def test_no_two_tenants_meet_whatever_they_put_into_their_requests() -> None:
    """100,000 pairs: the same text from two workspaces, and texts that try to look like another's scope."""
    rng = random.Random(5)
    seen: dict[bytes, str] = {}
    for number in range(50_000):
        inner = rng.choice(["ws_1", "ws_2", '"ws_2"', "default", "\u0000", "sk-1", str(number)])
        body: dict[str, Any] = {"messages": [{"role": "user", "content": inner}], "user": inner, inner: inner}
        for workspace in ("ws_1", "ws_2"):
            scope = Scope(workspace, rng.choice([(), ("ws_2",)]), "default", (replace(ENTRY, workspace_id=workspace),))
            key = of(json.dumps(body).encode(), scope)
            assert key is not None
            assert seen.setdefault(key, workspace) == workspace


def natively(members: dict[str, Raw], face: str = "messages", **headers: str) -> bytes | None:
    request = parse_chat_request(BODY)
    request.native = NativeRequest(face, members, headers)
    return fingerprint(request, SCOPE)


def test_a_request_in_another_form_is_another_one() -> None:
    usual = natively({"max_tokens": Raw(b"1"), "stream": Raw(b"true")})
    assert usual != of(BODY)
    assert usual == natively({"stream": Raw(b"false"), "max_tokens": Raw(b" 1")})
    others = [
        natively({"max_tokens": Raw(b"2")}),
        natively({"max_tokens": Raw(b"1"), "container": Raw(b"1")}),
        natively({"max_tokens": Raw(b"1")}, "responses"),
        natively({"max_tokens": Raw(b"1")}, beta="a"),
    ]
    assert len({usual, *others}) == 5
    assert natively({"max_tokens": Raw(b"1e400")}) is None


def test_who_is_strict_does_not_share_with_who_is_not() -> None:
    strict = parse_chat_request(BODY)
    strict.is_strict = True
    assert fingerprint(strict, SCOPE) != of(BODY)
