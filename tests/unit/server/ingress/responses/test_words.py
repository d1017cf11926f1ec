"""Ends, tokens and citations in OpenAI's words for responses."""

import json
from typing import Any

import pytest
from msgspec import Raw
from openai.types.responses import ResponseUsage

from server.ingress.chat_answer import ChatUsage, End, InputDetails, OutputDetails
from server.ingress.responses.words import annotation_of, error_code, incomplete_reason, usage_of


@pytest.mark.parametrize(
    ("finish", "reason"),
    [("stop", None), ("tool_calls", None), ("length", "max_output_tokens"), ("content_filter", "content_filter"),
     (None, None), ("odd", None)],
)  # fmt: skip
def test_what_ended_early_is_incomplete(finish: str | None, reason: str | None) -> None:
    assert incomplete_reason(End(finish)) == reason


def test_tokens_are_told_with_their_parts() -> None:
    found = usage_of(ChatUsage(10, 5, InputDetails(4, 3), OutputDetails(2)))
    assert found == {
        "input_tokens": 10,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3},
        "output_tokens": 5,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 15,
    }
    ResponseUsage.model_validate(found, strict=True)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"type": "url_citation", "url_citation": {"url": "u", "title": "t", "start_index": 0, "end_index": 1}},
         {"type": "url_citation", "url": "u", "title": "t", "start_index": 0, "end_index": 1}),
        ({"type": "char_location", "cited_text": "x"}, {"type": "char_location", "cited_text": "x"}),
    ],
    ids=["an address", "another kind"],
)  # fmt: skip
def test_a_citation_is_in_openais_form_where_it_fits(raw: Any, expected: Any) -> None:
    found = annotation_of(Raw(json.dumps(raw).encode()))
    assert (json.loads(bytes(found)) if isinstance(found, Raw) else found) == expected


@pytest.mark.parametrize(
    ("reason", "code"),
    [("UPSTREAM_RATE_LIMITED", "rate_limit_exceeded"), ("UPSTREAM_STREAM_INTERRUPTED", "server_error")],
)
def test_a_failure_has_openais_code(reason: str, code: str) -> None:
    assert error_code(reason) == code
