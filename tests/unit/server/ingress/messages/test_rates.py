"""Limits under Anthropic's names."""

from server.ingress.messages.rates import with_kin


def test_limits_are_told_twice() -> None:
    pairs = [
        ("x-ratelimit-limit", "20"),
        ("x-ratelimit-remaining", "19"),
        ("x-ratelimit-reset", "1769608800"),
        ("x-other", "1"),
    ]
    assert with_kin(pairs) == [
        *pairs,
        ("anthropic-ratelimit-requests-limit", "20"),
        ("anthropic-ratelimit-requests-remaining", "19"),
        ("anthropic-ratelimit-requests-reset", "2026-01-28T14:00:00Z"),
    ]


def test_other_pairs_pass() -> None:
    assert with_kin([("a", "b")]) == [("a", "b")]
