"""Refusals are written down up to a number in a minute; everything else always is."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from server.chat.rates import Moment
from server.chat.records import AttemptRecord, OperationRecord
from server.limits.refusals import Refusals

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ATTEMPT = AttemptRecord(1, "prov_1", "openai", "m", "UPSTREAM_TIMEOUT", None, NOW, 800)
REFUSED = OperationRecord(
    "req_1", "ws_1", "usr_1", "key_1", "rest", None, "m", "", "", "", "default", "simple",
    False, False, 429, "RATE_LIMITED", None, None, 1, None, NOW,
)  # fmt: skip


class Time:
    def __init__(self) -> None:
        self.second = 0.0

    def __call__(self) -> Moment:
        return Moment(self.second, self.second)


def test_the_first_refusals_of_a_minute_are_recorded_for_each_user() -> None:
    time = Time()
    refusals = Refusals(3, time)
    assert [refusals.are_recorded(REFUSED) for _ in range(5)] == [True] * 3 + [False] * 2
    assert refusals.are_recorded(replace(REFUSED, user_id="usr_2"))
    assert refusals.left_out_count == 2
    time.second = 60.0
    assert refusals.are_recorded(REFUSED)


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(replace(REFUSED, attempts=(ATTEMPT,)), id="a call that came to a provider"),
        pytest.param(replace(REFUSED, is_cache_hit=True), id="an answer from the cache"),
        pytest.param(replace(REFUSED, outcome="ok"), id="an answer"),
    ],
)
def test_what_is_no_refusal_is_always_recorded(record: OperationRecord) -> None:
    refusals = Refusals(1, Time())
    assert all(refusals.are_recorded(record) for _ in range(100))
    assert refusals.left_out_count == 0


def test_every_kind_of_refusal_counts() -> None:
    refusals = Refusals(2, Time())
    kinds = ("REQUEST_INVALID", "MODEL_UNKNOWN", "RATE_LIMITED", "NO_HEALTHY_ROUTE")
    assert sum(refusals.are_recorded(replace(REFUSED, outcome=kind)) for kind in kinds) == 2
