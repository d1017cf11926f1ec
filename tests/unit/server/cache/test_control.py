"""What a request lets the cache do: the request before the workspace, and the workspace before the usual."""

import json
import math
from typing import Any

import pytest

from server.cache.control import NOTHING, CacheUse, use_of
from server.chat.request import parse_chat_request
from server.chat.view import CachePolicy

BOTH = CacheUse(reads=True, stores=True)
LIKE = CacheUse(reads=True, stores=True, is_semantic=True)
STORED = CacheUse(False, True, math.inf, True)
COLD: dict[str, Any] = {"temperature": 0}
WARM: dict[str, Any] = {"temperature": 0.7}

CASES: list[tuple[str, dict[str, Any], str | None, str | None, CachePolicy, CacheUse]] = [
    ("temperature 0 is kept", COLD, None, None, "default", BOTH),
    ("temperature 0.0 too", {"temperature": 0.0}, None, None, "default", BOTH),
    ("a higher one is not", WARM, None, None, "default", NOTHING),
    ("one that is left out is not 0", {}, None, None, "default", NOTHING),
    ("nor is null", {"temperature": None}, None, None, "default", NOTHING),
    ("a workspace can switch it off", COLD, None, None, "off", NOTHING),
    ("or on for all", WARM, None, None, "exact", BOTH),
    ("no-store beats everything", COLD, None, "no-store", "exact", NOTHING),
    ("no-cache only stores", COLD, None, "no-cache", "default", CacheUse(reads=False, stores=True)),
    ("no-cache does not ask for the cache", WARM, None, "no-cache", "default", NOTHING),
    ("an age asks for the cache", WARM, None, "max-age=60", "off", CacheUse(True, True, 60.0)),
    ("an age of nothing reads nothing", WARM, None, "max-age=0", "default", CacheUse(False, True, 0.0)),
    ("the shorter of two ages", COLD, None, "max-age=60, max-age=5", "default", CacheUse(True, True, 5.0)),
    ("directives in any case", COLD, None, "No-Store", "default", NOTHING),
    ("directives that are not known are ignored", COLD, None, "private, max-age=x", "default", BOTH),
    ("the knob goes before the header", COLD, "no-cache", "no-store", "default", CacheUse(False, True)),
    ("the knob `default` takes back what the header says", COLD, "default", "no-store", "default", BOTH),
    ("the knob asks with an age", WARM, "max-age=9", None, "off", CacheUse(True, True, 9.0)),
    ("a workspace can want what is like it", WARM, None, None, "semantic", LIKE),
    ("and so can a request", WARM, "semantic", None, "off", LIKE),
    ("which says so before the header", WARM, "semantic", "no-store", "off", LIKE),
    ("with an age", WARM, None, "max-age=5", "semantic", CacheUse(True, True, 5.0, True)),
    ("no-store beats likeness", WARM, None, "no-store", "semantic", NOTHING),
    (
        "no-cache only stores for what is like it",
        WARM,
        None,
        "no-cache",
        "semantic",
        STORED,
    ),
    ("sound is not kept", {**COLD, "audio": {"format": "wav", "voice": "x"}}, None, None, "exact", NOTHING),
    ("nor what the web says now", {**COLD, "web_search_options": {"a": 1}}, None, None, "exact", NOTHING),
    ("nor what the provider is to store", {**COLD, "store": True}, None, None, "exact", NOTHING),
]


@pytest.mark.parametrize(
    ("members", "knob", "header", "policy", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_use(
    members: dict[str, Any], knob: str | None, header: str | None, policy: CachePolicy, expected: CacheUse
) -> None:
    body = {"messages": [{"role": "user", "content": "hi"}], **members}
    assert use_of(parse_chat_request(json.dumps(body).encode()).view, knob, header, policy) == expected
