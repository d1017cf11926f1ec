"""Usage as it is reported, in buckets, and the tier that an answer names."""

import pytest

from server.chat.answer import peek_answer, peek_chunk
from server.chat.usage import Usage
from tests.unit.server.chat.test_answer import USAGE, answer, chunk

USAGES: dict[str, tuple[object, Usage | None]] = {
    "absent details": ({"prompt_tokens": 5, "completion_tokens": 7}, Usage(5, 0, 0, 7, 0)),
    "null details": (
        {"prompt_tokens": 5, "completion_tokens": 7, "prompt_tokens_details": None, "completion_tokens_details": None},
        Usage(5, 0, 0, 7, 0),
    ),
    "details that say nothing": (
        {
            "prompt_tokens": 5,
            "completion_tokens": 7,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0, "cache_write_tokens": None},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        },
        Usage(5, 0, 0, 7, 0),
    ),
    "parts of what was not used": (
        {
            "prompt_tokens": 5,
            "completion_tokens": 7,
            "prompt_tokens_details": {"cached_audio_tokens": 3, "cache_write_1h_tokens": 2},
        },
        Usage(5, 0, 0, 7, 0),
    ),
    "details below nothing": (
        {"prompt_tokens": 5, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": -3}},
        Usage(5, 0, 0, 7, 0),
    ),
    "details of what was written alone": (
        {"prompt_tokens": 5, "completion_tokens": 7, "completion_tokens_details": {"audio_tokens": 3}},
        Usage(5, 0, 0, 7, 0, audio_output_tokens=3),
    ),
    "no tokens": ({"prompt_tokens": 0, "completion_tokens": 0}, Usage()),
    "only a prompt": ({"prompt_tokens": 5}, Usage(5)),
    "everything cached": ({"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 5}}, Usage(0, 5)),
    "more cached than there is": ({"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 9}}, Usage(0, 5)),
    "more reasoning than there is": (
        {"prompt_tokens": 1, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 9}},
        Usage(1, 0, 0, 0, 5),
    ),
    "what is kept for an hour is a part of what is written": (
        {
            "prompt_tokens": 100,
            "prompt_tokens_details": {"cached_tokens": 40, "cache_write_tokens": 30, "cache_write_1h_tokens": 12},
        },
        Usage(30, 40, 30, cache_write_1h_tokens=12),
    ),
    "no more is kept for an hour than is written": (
        {"prompt_tokens": 9, "prompt_tokens_details": {"cache_write_tokens": 5, "cache_write_1h_tokens": 12}},
        Usage(4, 0, 5, cache_write_1h_tokens=5),
    ),
    "sound is a part of what it was used as": (
        {
            "prompt_tokens": 100,
            "completion_tokens": 50,
            "prompt_tokens_details": {"cached_tokens": 40, "audio_tokens": 70, "cached_audio_tokens": 30},
            "completion_tokens_details": {"reasoning_tokens": 10, "audio_tokens": 35},
        },
        Usage(60, 40, 0, 40, 10, audio_input_tokens=40, audio_cache_read_tokens=30, audio_output_tokens=35),
    ),
    "negative counts": ({"prompt_tokens": -5, "completion_tokens": 3}, Usage(0, 0, 0, 3)),
    "unknown members": ({"prompt_tokens": 5, "completion_tokens": 1, "queue_time": 0.1}, Usage(5, 0, 0, 1)),
    "an empty object": ({}, None),
    "null": (None, None),
    "null counts": ({"prompt_tokens": None, "completion_tokens": None}, None),
    "counts that are no integers": ({"prompt_tokens": "5", "completion_tokens": 1.5}, None),
    "a list": ([], None),
}


@pytest.mark.parametrize(("usage", "buckets"), USAGES.values(), ids=USAGES.keys())
def test_reads_usage_into_disjoint_buckets(usage: object, buckets: Usage | None) -> None:
    assert peek_answer(answer({"content": "x"}, usage=usage)).usage == buckets
    assert peek_chunk(chunk(usage=usage)).usage == buckets


def test_buckets_add_up_to_what_the_provider_said() -> None:
    usage = peek_answer(answer({"content": "x"}, usage=USAGE)).usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (100, 30, 130)


TIERS: dict[str, tuple[object, str]] = {
    "a tier with its own price": ("flex", "flex"),
    "the usual tier": ("default", ""),
    "whatever is there": ("auto", ""),
    "null": (None, ""),
    "not a text": (7, ""),
}


@pytest.mark.parametrize(("tier", "shown"), TIERS.values(), ids=TIERS.keys())
def test_the_answer_names_the_tier(tier: object, shown: str) -> None:
    usage = peek_chunk(chunk(usage={"prompt_tokens": 1}, service_tier=tier)).usage
    assert usage == Usage(1, tier=shown)
