"""Fingerprints: equal for what must be answered alike, different for all else, tenants first of all."""

import json
import random
from dataclasses import replace
from typing import Any

import pytest
from msgspec import Raw

from server.cache.fingerprint import MOST_SCOPES, LastTurn, Scope, Scopes, fingerprint, last_turn
from server.chat.deployment import Deployment
from server.chat.native import NativeRequest
from server.chat.principal import Plan, Principal
from server.chat.request import ChatRequest, parse_chat_request

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


def caller(workspace_id: str, *allowed_models: str) -> Principal:
    return Principal("usr_1", workspace_id, Plan.FREE, allowed_models=allowed_models)


def test_a_scope_is_worked_out_again_when_the_entries_are_read_anew() -> None:
    scopes, entries = Scopes(), (ENTRY, OTHER)
    known = scopes.of(caller("ws_1", "a", "b"), "default", entries)
    assert scopes.of(caller("ws_1", "a", "b"), "default", entries) is known
    assert of(BODY, known) == of(BODY)
    changed = scopes.of(caller("ws_1", "a", "b"), "default", (ENTRY, replace(OTHER, api_key="sk-3")))
    assert of(BODY, changed) not in (of(BODY), None)
    assert of(BODY, scopes.of(caller("ws_1", "a"), "default", entries)) not in (of(BODY), None)


def test_only_the_scopes_of_the_last_requests_are_remembered() -> None:
    scopes, entries = Scopes(), (ENTRY,)
    first = scopes.of(caller("ws_0"), "default", entries)
    for number in range(1, MOST_SCOPES):
        scopes.of(caller(f"ws_{number}"), "default", entries)
    assert scopes.of(caller("ws_0"), "default", entries) is first
    scopes.of(caller("ws_x"), "default", entries)
    assert scopes.of(caller("ws_0"), "default", entries) is not first


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


def asked(**change: Any) -> ChatRequest:
    body: dict[str, Any] = {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Who is it?"},
            {"role": "assistant", "content": "Ada."},
            {"role": "user", "content": "Where was she born?"},
        ],
    }
    return parse_chat_request(json.dumps(body | change).encode())


def messages(**at: Any) -> list[dict[str, Any]]:
    """The messages, with others at the places `m0` to `m3`."""
    said: list[dict[str, Any]] = json.loads(asked().body)["messages"]
    return [at.get(f"m{place}", message) for place, message in enumerate(said)]


def turn_in(request: ChatRequest, scope: Scope = SCOPE, by: str = "lexical") -> LastTurn:
    found = last_turn(request, scope, by)
    assert found is not None
    return found


def test_only_the_text_of_the_last_turn_is_compared() -> None:
    usual = turn_in(asked())
    other = turn_in(asked(messages=messages(m3={"role": "user", "content": "Her place of birth?"})))
    assert usual.text == "Where was she born?"
    assert other == LastTurn(usual.scope, "Her place of birth?")
    assert turn_in(asked(stream=True, user="u")) == usual
    assert usual.scope not in (fingerprint(asked(), SCOPE), None)


ELSEWHERE: list[tuple[str, dict[str, Any]]] = [
    ("another system prompt", {"messages": messages(m0={"role": "system", "content": "Be brief!"})}),
    ("a developer's prompt", {"messages": messages(m0={"role": "developer", "content": "Be brief."})}),
    ("another turn before", {"messages": messages(m1={"role": "user", "content": "Who is she?"})}),
    ("another answer before", {"messages": messages(m2={"role": "assistant", "content": "Grace."})}),
    ("a turn less", {"messages": messages()[3:]}),
    ("a name", {"messages": messages(m3={"role": "user", "name": "x", "content": "Where was she born?"})}),
    (
        "parts",
        {"messages": messages(m3={"role": "user", "content": [{"type": "text", "text": "Where was she born?"}]})},
    ),
    ("another model", {"model": "n"}),
    ("a tool", {"tools": [{"type": "function", "function": {"name": "f"}}]}),
    ("a form of the answer", {"response_format": {"type": "json_object"}}),
    ("another temperature", {"temperature": 0.5}),
    ("a bound", {"max_tokens": 9}),
    ("a member that nobody knows", {"top_k": 4}),
]


@pytest.mark.parametrize("change", [case[1] for case in ELSEWHERE], ids=[case[0] for case in ELSEWHERE])
def test_whatever_else_differs_is_another_scope(change: dict[str, Any]) -> None:
    assert turn_in(asked(**change)).scope != turn_in(asked()).scope


@pytest.mark.parametrize("scope", [case[1] for case in SCOPES], ids=[case[0] for case in SCOPES])
def test_turns_of_others_are_in_another_scope(scope: Scope) -> None:
    assert turn_in(asked(), scope).scope != turn_in(asked()).scope


def test_what_is_compared_by_another_model_is_in_another_scope() -> None:
    assert turn_in(asked(), by="embed-1").scope != turn_in(asked(), by="embed-2").scope


IMAGE = {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}
NOT_COMPARED: list[tuple[str, Any]] = [
    ("a picture", messages(m3={"role": "user", "content": [{"type": "text", "text": "What is it?"}, IMAGE]})),
    ("a picture before", messages(m1={"role": "user", "content": [IMAGE]})),
    ("a file", messages(m3={"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]})),
    ("a tool's result at the end", messages(m3={"role": "tool", "tool_call_id": "c", "content": "42"})),
    ("an answer to be gone on with", messages(m3={"role": "assistant", "content": "She"})),
    ("an answer that was spoken", messages(m2={"role": "assistant", "audio": {"id": "a"}})),
    ("nothing at all", messages(m3={"role": "user", "content": []})),
]


@pytest.mark.parametrize("said", [case[1] for case in NOT_COMPARED], ids=[case[0] for case in NOT_COMPARED])
def test_what_is_not_compared(said: Any) -> None:
    assert last_turn(asked(messages=said), SCOPE, "lexical") is None


def native_of(members: dict[str, Any], needs: str = "", face: str = "messages") -> ChatRequest:
    request = asked()
    request.native = NativeRequest(
        face, {name: Raw(json.dumps(members[name]).encode()) for name in members}, needs=needs
    )
    return request


def spoken(text: str, kind: str = "text") -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"type": kind, "text": text}]}]


def test_in_the_form_of_another_face_the_last_turn_is_left_out_too() -> None:
    text = "Where was she born?"
    forms: list[dict[str, Any]] = [
        {"messages": spoken(text)},
        {"messages": [{"role": "user", "content": text}]},
        {"input": text},
        {"input": spoken(text, "input_text")},
    ]
    assert len({turn_in(native_of(form)).scope for form in forms}) == len(forms)
    other = native_of({"input": spoken("Before it.", "input_text") + spoken(text, "input_text")})
    assert turn_in(other).scope != turn_in(native_of(forms[3])).scope
    assert turn_in(native_of({**forms[0], "max_tokens": 3})).scope != turn_in(native_of(forms[0])).scope


@pytest.mark.parametrize(
    ("members", "needs"),
    [
        ({"messages": spoken("Something else.")}, ""),
        ({"messages": [{"role": "assistant", "content": "Where was she born?"}]}, ""),
        ({"messages": spoken("Where was she born?"), "input": "Where was she born?"}, ""),
        ({"prompt": "Where was she born?"}, ""),
        ({"input": "Where was she born?"}, "embeddings"),
    ],
    ids=["other words", "another's turn", "two conversations", "none", "no chat"],
)
def test_a_form_that_does_not_say_just_the_same_is_not_compared(members: dict[str, Any], needs: str) -> None:
    assert last_turn(native_of(members, needs), SCOPE, "lexical") is None


def test_what_is_compared_of_random_requests_never_meets_across_tenants() -> None:
    """20,000 pairs: whatever the requests say, a scope belongs to one workspace, one history and one system prompt."""
    rng = random.Random(13)
    seen: dict[bytes, tuple[str, str]] = {}
    for _ in range(20_000):
        words = [rng.choice(["ws_1", "ws_2", "hi", '"}],"model":"n', "\u0000", ""]) for _ in range(4)]
        said = [
            {"role": role, "content": text}
            for role, text in zip(("system", "user", "assistant", "user"), words, strict=True)
        ]
        request = asked(messages=said, user=rng.choice(words))
        for workspace in ("ws_1", "ws_2"):
            scope = Scope(workspace, (), "default", (replace(ENTRY, workspace_id=workspace),))
            key = turn_in(request, scope).scope
            owner = workspace, json.dumps(words[:3])
            assert seen.setdefault(key, owner) == owner
