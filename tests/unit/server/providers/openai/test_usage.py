"""Usage that vendors report elsewhere, or count otherwise."""

from typing import Any

import msgspec
import pytest
from msgspec import Raw

from server.providers.openai.usage import usage_in_form
from server.providers.openai.vendor import UsageForm

Json = dict[str, Any]
COUNTS: Json = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
MOVED = UsageForm(moved=(("cached_tokens", "prompt_tokens_details.cached_tokens"),))
ADDED = UsageForm(adds_reasoning=True)
REASONED: Json = {"completion_tokens_details": {"reasoning_tokens": 6}}

CASES: list[tuple[str, UsageForm, Json, Json | None]] = [
    ("usage in its place stays", UsageForm(("x.usage",)), {"usage": COUNTS, "x": {"usage": {}}}, None),
    ("usage elsewhere is found", UsageForm(("x.usage",)), {"x": {"usage": COUNTS}}, COUNTS),
    ("null is not usage", UsageForm(("x.usage",)), {"usage": None, "x": {"usage": COUNTS}}, COUNTS),
    ("in a list too", UsageForm(("choices.0.usage",)), {"choices": [{"usage": COUNTS}]}, COUNTS),
    ("an empty list has none", UsageForm(("choices.0.usage",)), {"choices": []}, None),
    ("what is no object is not usage", UsageForm(("x.usage",)), {"x": {"usage": 7}}, None),
    ("no usage is none", UsageForm(("x.usage",)), {"a": 1}, None),
    ("a count goes to the details", MOVED, {"usage": {**COUNTS, "cached_tokens": 8}},
     {**COUNTS, "cached_tokens": 8, "prompt_tokens_details": {"cached_tokens": 8}}),
    ("beside what is there", MOVED, {"usage": {**COUNTS, "cached_tokens": 8, "prompt_tokens_details": {"a": 1}}},
     {**COUNTS, "cached_tokens": 8, "prompt_tokens_details": {"a": 1, "cached_tokens": 8}}),
    ("unless it is told there", MOVED,
     {"usage": {**COUNTS, "cached_tokens": 8, "prompt_tokens_details": {"cached_tokens": 9}}}, None),
    ("reasoning outside is added", ADDED, {"usage": {**COUNTS, **REASONED, "total_tokens": 20}},
     {**COUNTS, **REASONED, "completion_tokens": 10, "total_tokens": 20}),
    ("reasoning inside is not", ADDED, {"usage": {**COUNTS, **REASONED, "completion_tokens": 10, "total_tokens": 20}},
     None),
    ("without a total it is not either", ADDED, {"usage": {"prompt_tokens": 1, "completion_tokens": 2, **REASONED}},
     None),
    ("no reasoning is nothing to add", ADDED, {"usage": {**COUNTS, "completion_tokens_details": None}}, None),
]  # fmt: skip


@pytest.mark.parametrize(("form", "answer", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_usage_in_openais_form(form: UsageForm, answer: Json, expected: Json | None) -> None:
    members = {name: Raw(msgspec.json.encode(value)) for name, value in answer.items()}
    made = usage_in_form(form, members)
    assert (None if made is None else msgspec.json.decode(made)) == expected
