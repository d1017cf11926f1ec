"""The tables of what vendors say."""

from typing import get_args

import pytest
from msgspec.structs import replace
from openai.types.chat.chat_completion import Choice

from server.chat.request import parse_chat_request
from server.providers.openai.vendor import FINISH_REASONS, OPENAI_FINISH_REASONS, PARTS, Vendor


def test_openais_words_are_those_of_its_own_client() -> None:
    assert set(get_args(Choice.model_fields["finish_reason"].annotation)) == OPENAI_FINISH_REASONS


def test_other_words_lead_to_openais_or_to_a_failure() -> None:
    assert set(FINISH_REASONS.values()) <= OPENAI_FINISH_REASONS | {"error"}
    assert not set(FINISH_REASONS) & OPENAI_FINISH_REASONS
    assert all(word == word.lower() for word in FINISH_REASONS)


def test_what_must_be_looked_at_follows_from_the_fields() -> None:
    vendor = Vendor(left_out=("seed",), renamed=(("a", "b"),))
    assert {"seed", "a", "max_tokens", "thinking"} <= vendor.looked_at
    assert "temperature" not in vendor.looked_at


@pytest.mark.parametrize("name", ["thinking", "top_k", "betas", "cache_control", "tools", "seed"])
def test_what_is_looked_at_is_seen_in_a_requests_view(name: str) -> None:
    vendor = Vendor(left_out=("seed",), renamed=(("max_tokens", "limit"), ("no_member_of_the_view", "b")))
    view = parse_chat_request(b'{"messages":[{"role":"user","content":"hi"}],"max_tokens":5,"temperature":1}').view
    assert vendor.odd_of(view) == vendor.none_odd
    assert vendor.odd_of(replace(view, **{name: None})) != vendor.none_odd


def test_the_plain_vendor_takes_openais_parts() -> None:
    assert Vendor().parts == PARTS
