"""The judge finds what does not fit."""

from collections.abc import Iterable
from typing import Literal, NotRequired, Required, TypedDict

import pytest
from anthropic.types import MessageParam, ToolParam

from tests.providers.judge import faults


class Inner(TypedDict, total=False):
    type: Required[Literal["a", "b"]]
    size: float


class Outer(TypedDict):
    inner: Iterable[Inner] | str
    count: NotRequired[int]
    more: NotRequired[dict[str, int]]


CASES: list[tuple[str, object, object, str]] = [
    ("what fits", Outer, {"inner": [{"type": "a", "size": 1}], "count": 2, "more": {"x": 1}}, ""),
    ("a text instead of a list", Outer, {"inner": "x"}, ""),
    ("a member that is missing", Outer, {"count": 2}, "$.inner: missing"),
    ("a member that nobody knows", Outer, {"inner": "x", "y": 1}, "$.y: unknown"),
    ("a wrong kind", Outer, {"inner": "x", "count": "2"}, "$.count: '2' is not of"),
    ("a boolean is no number", Outer, {"inner": "x", "count": True}, "$.count: True is not of"),
    ("a wrong word", Inner, {"type": "c"}, "$.type: 'c' is none of"),
    ("a wrong value in a map", Outer, {"inner": "x", "more": {"x": "1"}}, "$.more.x"),
    ("a list that is none", Outer, {"inner": 7}, "$.inner"),
    ("a turn of the vendor's", MessageParam, {"role": "user", "content": [{"type": "text", "text": "x"}]}, ""),
    ("a turn with an unknown block", MessageParam, {"role": "user", "content": [{"type": "txt"}]}, "$.content"),
    ("a tool of the vendor's", ToolParam, {"name": "f", "input_schema": {"type": "object"}}, ""),
    ("a tool without a schema", ToolParam, {"name": "f"}, "$.input_schema: missing"),
]


@pytest.mark.parametrize(("kind", "value", "fault"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_finds(kind: object, value: object, fault: str) -> None:
    found = faults(value, kind)
    assert found == [] if not fault else any(text.startswith(fault) for text in found)
