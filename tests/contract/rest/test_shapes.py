"""The comparison finds what it is there for: every way in which an answer can differ from the documented one."""

from typing import Any

import pytest

from tests.contract.rest.shapes import Named, OrNull, Same, members, problems

GOOD: list[tuple[str, Any, Any]] = [
    ("the same", {"a": 1, "b": {"c": "x"}}, {"a": 7, "b": {"c": "y"}}),
    ("more members", {"a": 1}, {"a": 1, "more": None}),
    ("a whole number for an amount", {"cost": 0.06}, {"cost": 0}),
    ("a null that may be", {"a": OrNull(1)}, {"a": None}),
    ("no null where one may be", {"a": OrNull(1)}, {"a": 2}),
    ("names of the same kind", Named({"tokens": 1}), {"openai": {"tokens": 2}, "groq": {"tokens": 3}}),
    ("any list for an empty one", {"a": []}, {"a": [1, "x"]}),
    ("another id, time, date and secret",
     {"id": "usr_123", "at": "2026-01-28T14:00:00Z", "day": "2026-01-28", "key": "pk_xxx", "prefix": "gw_abc12..."},
     {"id": "usr_9", "at": "2027-02-03T04:05:06.789Z", "day": "2027-02-03", "key": "pk_9", "prefix": "gw_zz..."}),
]  # fmt: skip
BAD: list[tuple[str, Any, Any, str]] = [
    ("a member is missing", {"a": {"b": 1}}, {"a": {}}, "a.b is missing"),
    ("a number as text", {"a": 1}, {"a": "1"}, "a is '1'"),
    ("an amount as text", {"a": 0.5}, {"a": "0.5"}, "a is '0.5'"),
    ("a fraction for a whole number", {"a": 1}, {"a": 1.5}, "a is 1.5"),
    ("a truth for a number", {"a": 1}, {"a": True}, "a is True"),
    ("a number for a truth", {"a": True}, {"a": 1}, "a is 1"),
    ("null where none may be", {"a": "x"}, {"a": None}, "a is None"),
    ("an object for a list", {"a": [1]}, {"a": {}}, "a is dict, not an array"),
    ("a list for an object", {"a": {}}, {"a": []}, "a is list, not an object"),
    ("an empty list", {"a": [1]}, {"a": []}, "a is empty"),
    ("a wrong item", {"a": [1]}, {"a": [1, "2"]}, "a[1] is '2'"),
    ("another value", {"a": Same("x")}, {"a": "y"}, "a is 'y', not 'x'"),
    ("another kind of the same value", {"a": Same(1)}, {"a": True}, "a is True, not 1"),
    ("no names at all", Named({"a": 1}), {}, "not an object with members"),
    ("a name of another kind", Named({"a": 1}), {"x": {"b": 1}}, "x.a is missing"),
    ("an id of another kind", {"a": "usr_1"}, {"a": "ws_1"}, "not of the form"),
    ("a time with an offset", {"a": "2026-01-28T14:00:00Z"}, {"a": "2026-01-28T14:00:00+00:00"}, "not of the form"),
    ("a time for a date", {"a": "2026-01-28"}, {"a": "2026-01-28T14:00:00Z"}, "not of the form"),
    ("no token", {"a": "eyJhbGciOi..."}, {"a": "secret"}, "not of the form"),
    ("a whole secret for its beginning", {"a": "gw_abc12..."}, {"a": "gw_abc123456"}, "not of the form"),
    ("the beginning of a secret for all of it", {"a": "gw_full"}, {"a": "gw_abc..."}, "not of the form"),
]


@pytest.mark.parametrize(("documented", "answered"), [case[1:] for case in GOOD], ids=[case[0] for case in GOOD])
def test_what_is_as_documented(documented: Any, answered: Any) -> None:
    assert list(problems(documented, answered)) == []


@pytest.mark.parametrize(("documented", "answered", "told"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_what_is_not_as_documented(documented: Any, answered: Any, told: str) -> None:
    [problem] = problems(documented, answered)
    assert told in problem


def test_members_are_counted_on_all_levels() -> None:
    assert members({"a": 1, "b": {"c": 1, "d": [{"e": 1}]}, "f": OrNull({"g": 1}), "h": Named({"i": 1})}) == 9
