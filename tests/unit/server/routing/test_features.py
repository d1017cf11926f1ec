"""What complexity is judged by: the last user message, the turns and the tools."""

import json
from typing import Any

import pytest

from server.chat.request import parse_chat_request
from server.routing.complexity import Features
from server.routing.features import Needs, features_of, needs_of

TOOL = {"type": "function", "function": {"name": "f"}}
CALL = {
    "role": "assistant",
    "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}
CASES: list[tuple[str, dict[str, Any], Features]] = [
    ("one message", {"messages": [{"role": "user", "content": "hi"}]}, Features("hi", 9, 1, 0)),
    (
        "the last user message counts",
        {
            "messages": [
                {"role": "user", "content": "a"},
                {"role": "assistant", "content": "b"},
                {"role": "user", "content": "c"},
            ]
        },
        Features("c", 9, 3, 0),
    ),
    (
        "system messages are no turns",
        {
            "messages": [
                {"role": "system", "content": "s"},
                {"role": "developer", "content": "d"},
                {"role": "user", "content": "u"},
            ]
        },
        Features("u", 9, 1, 0),
    ),
    (
        "parts are joined, images have no text",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "a"},
                        {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
                        {"type": "text", "text": "b"},
                    ],
                }
            ]
        },
        Features("a\nb", 9, 1, 0),
    ),
    (
        "tools are counted",
        {"messages": [{"role": "user", "content": "u"}], "tools": [TOOL, TOOL]},
        Features("u", 9, 1, 2),
    ),
    (
        "no user message at all",
        {"messages": [CALL, {"role": "tool", "tool_call_id": "c", "content": "r"}]},
        Features("", 9, 2, 0),
    ),
    (
        "of a long message the ends count",
        {"messages": [{"role": "user", "content": "a" * 700 + "b" * 5000 + "c" * 300}]},
        Features("a" * 700 + "\n" + "c" * 300, 9, 1, 0),
    ),
]


@pytest.mark.parametrize(("body", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_features(body: dict[str, Any], expected: Features) -> None:
    assert features_of(parse_chat_request(json.dumps(body).encode()).view, 9) == expected


USER = {"role": "user", "content": "hi"}
IMAGE = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]}
SOUND = {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}]}
NEEDS: list[tuple[str, dict[str, Any], Needs]] = [
    ("text alone", {"messages": [USER]}, Needs()),
    ("an image in an earlier message", {"messages": [IMAGE, USER]}, Needs(images=True)),
    ("sound", {"messages": [SOUND]}, Needs(audio=True)),
    ("tools", {"messages": [USER], "tools": [TOOL]}, Needs(tools=True)),
    ("no tools in the list", {"messages": [USER], "tools": []}, Needs()),
    ("functions of the older kind", {"messages": [USER], "functions": [{"name": "f"}]}, Needs(tools=True)),
    ("the stricter of two bounds", {"messages": [USER], "max_tokens": 9, "max_completion_tokens": 5},
     Needs(output_tokens=5)),
]  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), [case[1:] for case in NEEDS], ids=[case[0] for case in NEEDS])
def test_needs(body: dict[str, Any], expected: Needs) -> None:
    assert needs_of(parse_chat_request(json.dumps(body).encode()).view) == expected
