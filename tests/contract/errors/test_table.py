"""Every reason of the table, raised behind the real interceptors, is told alike on every way to the gateway."""

import re

import pytest
from perpetuo.v1 import errors_pb2

from server.errors import REASONS
from tests.contract.errors.stage import EVENT, MESSAGE, Wish
from tests.contract.errors.table import TABLE, Row
from tests.contract.errors.ways import Told, Way

DETAILS = {"modelName": "m", "limit": "20"}
REQUEST_ID = re.compile("req_[0-9a-z]{26}")
# What a raiser may know of the time: nothing, a part of a second more than two, or longer than anybody is told to wait.
WAITS_S = (None, 2.5, 90.0)


@pytest.fixture(params=TABLE, ids=lambda row: row.reason)
def row(request: pytest.FixtureRequest) -> Row:
    found: Row = request.param
    return found


def test_the_table_is_whole() -> None:
    names = [row.reason for row in TABLE]
    assert len(set(names)) == len(names) == 47
    declared = [value.name.removeprefix("ERROR_REASON_") for value in errors_pb2.ErrorReason.DESCRIPTOR.values]
    assert set(names) == set(REASONS) == {*declared} - {"UNSPECIFIED"}
    assert [name for name in names if not re.fullmatch("^[A-Z][A-Z0-9_]{1,62}$", name)] == []


def check_what_the_raiser_said(told: Told, wish: Wish) -> None:
    assert told.message == MESSAGE
    assert told.param == wish.param
    assert {name: value for name, value in told.variables.items() if name != "retryAfterS"} == wish.details
    assert REQUEST_ID.fullmatch(told.request_id)


async def test_an_answer_in_one_piece(way: Way, row: Row) -> None:
    for wait_s in WAITS_S:
        for param, details in ((None, {}), ("messages[2].content", DETAILS)):
            wish = Wish(row.reason, param=param, details=details, wait_s=wait_s)
            for ask in (way.unary, way.wrapped):
                told = await ask(wish)
                check_what_the_raiser_said(told, wish)
                way.check(row, told, wait_s)


async def test_a_stream_that_fails_before_its_first_message(way: Way, row: Row) -> None:
    for wait_s in WAITS_S:
        wish = Wish(row.reason, param="stream", details=DETAILS, wait_s=wait_s)
        told = await way.stream(wish)
        assert told.events == []
        check_what_the_raiser_said(told, wish)
        way.check(row, told, wait_s)


async def test_a_stream_that_fails_behind_messages(way: Way, row: Row) -> None:
    for wait_s in WAITS_S:
        wish = Wish(row.reason, details=DETAILS, wait_s=wait_s, events=2)
        told = await way.stream(wish)
        assert told.events == [EVENT, EVENT]
        check_what_the_raiser_said(told, wish)
        way.check_late(row, told, wait_s)


async def test_every_failure_has_a_request_id_of_its_own(way: Way) -> None:
    ids = [(await way.unary(Wish("CONFLICT"))).request_id for _ in range(5)]
    assert len(set(ids)) == 5


async def test_a_call_without_a_key_is_refused_as_its_row_says(way: Way) -> None:
    way.check(next(row for row in TABLE if row.reason == "KEY_MISSING"), await way.without_key(), None)
