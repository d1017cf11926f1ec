"""Parameters of the logs: what they may be, what they mean, and what a page token holds."""

import base64
import contextlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import RequestInvalid
from server.ledger.log_query import AskedLogs, LogQuery, PageQuery, read_page, read_query, since
from server.storage.selection import OperationFilter

PROVIDERS = ("openai", "groq")
NOON = datetime(2026, 1, 28, 12, tzinfo=UTC)
PLACE = (NOON.replace(microsecond=123456), "req_01kfjc5x8k9m2n4p6q8r0s2t4v")


def read(**members: Any) -> LogQuery:
    return read_query(AskedLogs(**members), PROVIDERS)


UNDERSTOOD: list[tuple[str, dict[str, Any], OperationFilter]] = [
    ("nothing", {}, OperationFilter()),
    ("a provider", {"provider": "groq"}, OperationFilter(provider="groq")),
    ("a model", {"model": "meta-llama/Llama-3"}, OperationFilter(model="meta-llama/Llama-3")),
    ("a status", {"status": "429"}, OperationFilter(status=429)),
    ("success", {"status": "success"}, OperationFilter(is_ok=True)),
    ("error", {"status": "error"}, OperationFilter(is_ok=False)),
    ("a key", {"key_id": "key_1"}, OperationFilter(key_id="key_1")),
    ("a day", {"start_date": "2026-01-28"}, OperationFilter(start=NOON.replace(hour=0))),
    ("a moment in UTC", {"end_date": "2026-01-28T12:00:00Z"}, OperationFilter(end=NOON)),
    ("a moment in small letters", {"end_date": "2026-01-28t12:00:00z"}, OperationFilter(end=NOON)),
    ("a moment elsewhere", {"end_date": "2026-01-28T14:00:00+02:00"}, OperationFilter(end=NOON)),
    ("a plus that became a space", {"end_date": "2026-01-28T14:00:00 02:00"}, OperationFilter(end=NOON)),
    (
        "nanoseconds",
        {"start_date": "2026-01-28T12:00:00.250000999Z"},
        OperationFilter(start=NOON.replace(microsecond=250_000)),
    ),
]


@pytest.mark.parametrize(("asked", "only"), [case[1:] for case in UNDERSTOOD], ids=[case[0] for case in UNDERSTOOD])
def test_a_filter_is_understood(asked: dict[str, Any], only: OperationFilter) -> None:
    assert read(**asked) == LogQuery(only, 50, 0, None)


@pytest.mark.parametrize(
    ("asked", "limit", "skip"),
    [
        ({}, 50, 0),
        ({"page": 1}, 50, 0),
        ({"page": 3, "limit": 20}, 20, 40),
        ({"limit": 1000, "page": 1000}, 1000, 999_000),
        ({"limit": 1}, 1, 0),
    ],
    ids=["defaults", "the first", "the third", "the last that is served", "one row"],
)
def test_pages_by_number(asked: dict[str, Any], limit: int, skip: int) -> None:
    query = read(**asked)
    assert (query.limit, query.skip, query.before) == (limit, skip, None)


REFUSED: list[tuple[str, dict[str, Any], str, str]] = [
    ("no rows", {"limit": 0}, "limit", "1 to 1000"),
    ("too many rows", {"limit": 1001}, "limit", "1 to 1000"),
    ("a page before the first", {"page": 0}, "page", "1 to 20,000"),
    ("a page beyond all", {"page": 20_001}, "page", "page_token"),
    ("a page and a token", {"page": 1, "page_token": "x"}, "page", "exclude"),
    ("an unknown provider", {"provider": "nobody"}, "provider", "one of groq, openai"),
    ("a model with a line end", {"model": "a\nb"}, "model", "at most 200"),
    ("a model that is too long", {"model": "x" * 201}, "model", "at most 200"),
    ("a word for a status", {"status": "good"}, "status", "success or error"),
    ("a status that is none", {"status": "99"}, "status", "100 to 599"),
    ("a status beyond all", {"status": "600"}, "status", "100 to 599"),
    ("digits of elsewhere", {"status": "٤٢٩"}, "status", "100 to 599"),
    ("an id of another kind", {"key_id": "usr_1"}, "key_id", "key_"),
    ("an id that is too long", {"key_id": "key_" + "x" * 61}, "key_id", "key_"),
    ("a day that is none", {"start_date": "2026-02-30"}, "start_date", "YYYY-MM-DD"),
    ("a moment without a zone", {"start_date": "2026-01-28T12:00:00"}, "start_date", "RFC 3339"),
    ("an hour that is none", {"end_date": "2026-01-28T25:00:00Z"}, "end_date", "RFC 3339"),
    ("a moment before all calendars", {"end_date": "0001-01-01T00:00:00+14:00"}, "end_date", "RFC 3339"),
    ("a week", {"end_date": "2026-W05-3"}, "end_date", "YYYY-MM-DD"),
    ("a word for a day", {"end_date": "yesterday"}, "end_date", "YYYY-MM-DD"),
    ("an end that is a year", {"end_date": "2026"}, "end_date", "YYYY-MM-DD"),
    ("an end before the start", {"start_date": "2026-01-29", "end_date": "2026-01-28"}, "start_date", "after"),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "param", "hint"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_a_refusal_names_the_parameter_and_what_it_may_be(asked: dict[str, Any], param: str, hint: str) -> None:
    with pytest.raises(RequestInvalid, match=hint) as caught:
        read(**asked)
    assert caught.value.param == param


def test_a_token_goes_on_where_the_page_ended_with_the_same_filters() -> None:
    token = read(provider="groq", start_date="2026-01-28").token_after(PLACE)
    assert token.replace("-", "").replace("_", "").isalnum()
    query = read(provider="groq", start_date="2026-01-28", page_token=token, limit=7)
    assert (query.before, query.limit, query.skip) == (PLACE, 7, 0)
    for other in ({}, {"provider": "openai", "start_date": "2026-01-28"}, {"provider": "groq"}):
        with pytest.raises(RequestInvalid, match="other filters"):
            read(page_token=token, **other)


@given(st.one_of(st.text(max_size=80), st.binary(max_size=80).map(lambda raw: base64.urlsafe_b64encode(raw).decode())))
def test_anything_else_is_no_token(token: str) -> None:
    if token:
        with pytest.raises(RequestInvalid) as caught:
            read(page_token=token)
        assert caught.value.param == "page_token"


def test_a_token_whose_bits_are_changed_is_refused_or_another_place_of_the_same_logs() -> None:
    raw = bytearray(base64.urlsafe_b64decode(read().token_after(PLACE) + "=="))
    places = []
    for index in range(len(raw)):
        changed = bytes([*raw[:index], raw[index] ^ 0x80, *raw[index + 1 :]])
        with contextlib.suppress(RequestInvalid):
            query = read(page_token=base64.urlsafe_b64encode(changed).rstrip(b"=").decode())
            places.append((query.only, query.before))
    assert len(places) < len(raw)
    assert all(only == OperationFilter() and before not in {None, PLACE} for only, before in places)


def test_a_page_by_number_has_no_end() -> None:
    assert read_page(AskedLogs(), PROVIDERS) == PageQuery(OperationFilter(), 1, 50)
    assert read_page(AskedLogs(page=2**31 - 1, limit=1000), PROVIDERS).page == 2**31 - 1


@pytest.mark.parametrize(
    ("asked", "param"), [(AskedLogs(page=0), "page"), (AskedLogs(page=-1), "page"), (AskedLogs(limit=0), "limit")]
)
def test_a_page_that_is_none_is_refused(asked: AskedLogs, param: str) -> None:
    with pytest.raises(RequestInvalid) as caught:
        read_page(asked, PROVIDERS)
    assert caught.value.param == param


def test_a_filter_is_narrowed_to_what_is_kept() -> None:
    moment = datetime(2026, 1, 28, tzinfo=UTC)
    early, late = (OperationFilter(model="m", start=moment + timedelta(days=days)) for days in (-1, 1))
    assert since(OperationFilter(), None) == OperationFilter()
    assert since(OperationFilter(model="m"), moment) == OperationFilter(model="m", start=moment)
    assert since(early, moment) == OperationFilter(model="m", start=moment)
    assert since(late, moment) == late
