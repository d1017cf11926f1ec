"""Nothing of an exception that was not meant for callers reaches one, and nothing that reaches one is too large."""

from collections.abc import MutableMapping
from typing import Any

import pytest

from tests.contract.errors.stage import CANARY, DEFECTS, EVENT, Wish
from tests.contract.errors.table import TABLE
from tests.contract.errors.ways import Told, Way

INTERNAL = next(row for row in TABLE if row.reason == "INTERNAL")
Log = list[MutableMapping[str, Any]]
FIXED_TEXT = "The gateway failed. The operator's log has the details under this request id."


def check_fixed(told: Told) -> None:
    assert (told.message, told.param, told.variables) == (FIXED_TEXT, None, {})
    assert CANARY not in told.seen
    assert "Traceback" not in told.seen


@pytest.mark.parametrize("defect", DEFECTS)
async def test_an_unexpected_exception_is_told_by_a_fixed_text(way: Way, defect: str, log: Log) -> None:
    for ask in (way.unary, way.wrapped, way.stream):
        told = await ask(Wish(defect=defect))
        assert told.events == []
        check_fixed(told)
        way.check(INTERNAL, told, None)
        assert told.request_id in {line["request_id"] for line in log if line["log_level"] == "error"}


@pytest.mark.parametrize("defect", DEFECTS)
async def test_an_unexpected_exception_ends_a_stream_with_a_fixed_text(way: Way, defect: str) -> None:
    told = await way.stream(Wish(defect=defect, events=1))
    assert told.events == [EVENT]
    check_fixed(told)
    way.check_late(INTERNAL, told, None)


async def test_what_caused_an_expected_error_stays_inside(way: Way) -> None:
    for row in TABLE:
        for wish in (Wish(row.reason), Wish(row.reason, events=1)):
            told = await way.stream(wish)
            assert CANARY not in told.seen


LARGE = {
    "a long message": Wish("RATE_LIMITED", message="m" * 50_000, wait_s=9),
    "a long message that is not ASCII": Wish("REQUEST_INVALID", message="é\N{GRINNING FACE}" * 20_000, param="a"),
    "a long parameter": Wish("REQUEST_INVALID", param="a." * 30_000),
    "long variables": Wish("UPSTREAM_RESET", details={f"k{number}": "v" * 900 for number in range(50)}),
    "everything at once": Wish(
        "UPSTREAM_QUOTA", "m%" * 20_000, "p" * 9_000, 9, {f"k{number}": "é" * 900 for number in range(50)}
    ),
}


@pytest.mark.parametrize("name", LARGE)
async def test_a_large_error_arrives_cut_but_whole(way: Way, name: str) -> None:
    wish = LARGE[name]
    row = next(row for row in TABLE if row.reason == wish.reason)
    told = await way.unary(wish)
    assert told.message
    assert bool(told.param) == bool(wish.param)
    way.check(row, told, wish.wait_s)
    assert len(told.seen) < 64 * 1024
