"""Rules come from the proto, for every reason."""

import grpc
import pytest

from server.errors import REASONS
from server.interceptors.rules import load_rules

RULES = load_rules()


def test_every_reason_has_a_rule() -> None:
    assert RULES.keys() == REASONS.keys()


@pytest.mark.parametrize(
    ("reason", "code", "may_retry"),
    [
        ("KEY_INVALID", grpc.StatusCode.UNAUTHENTICATED, False),
        ("RATE_LIMITED", grpc.StatusCode.RESOURCE_EXHAUSTED, True),
        ("UPSTREAM_RESET", grpc.StatusCode.UNAVAILABLE, False),
        ("DRAINING", grpc.StatusCode.UNAVAILABLE, True),
        ("INTERNAL", grpc.StatusCode.INTERNAL, False),
        ("ROUTE_UNKNOWN", grpc.StatusCode.UNIMPLEMENTED, False),
    ],
)
def test_a_rule_says_what_the_table_says(reason: str, code: grpc.StatusCode, may_retry: bool) -> None:
    assert (RULES[reason].code, RULES[reason].may_retry) == (code, may_retry)


def test_no_reason_is_answered_with_ok() -> None:
    assert grpc.StatusCode.OK not in {rule.code for rule in RULES.values()}


def test_only_a_quota_that_is_used_up_is_one() -> None:
    assert {reason for reason, rule in RULES.items() if rule.is_quota} == {"UPSTREAM_QUOTA"}
