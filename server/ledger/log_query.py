"""What somebody wants to see of the logs, read from the parameters as they came. Pure.

A page token holds the place of the last row that was shown and a mark of the filters, so that it cannot go on with
others. It is not secret and opens nothing: the workspace is asked for anew each time.
"""

import base64
import binascii
import hashlib
import re
import struct
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from server.errors import RequestInvalid
from server.storage.selection import OperationFilter

DEFAULT_LIMIT = 50
MAX_LIMIT = 1000
MAX_ROW = 1_000_000

_MAX_MODEL_CHARS = 200
_MAX_ID_CHARS = 64
_STATUSES = range(100, 600)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
# In a query string a plus sign that was not escaped arrives as a space.
_MOMENT = re.compile(r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(\.\d{1,9})?([Zz]|[+\- ]\d{2}:\d{2})")
_TOKEN_VERSION = 1
_TOKEN_HEAD = struct.Struct(">Bq8s")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

Place = tuple[datetime, str]
"""The time and the id of a row."""


class AskedLogs(Struct, frozen=True):
    """The parameters of a request for logs, as they came; empty or None when left out."""

    limit: int | None = None
    page: int | None = None
    page_token: str = ""
    provider: str = ""
    model: str = ""
    status: str = ""
    key_id: str = ""
    start_date: str = ""
    end_date: str = ""


class LogQuery(Struct, frozen=True):
    """A request for logs that makes sense: at most `limit` rows, after `skip` rows or after the place `before`."""

    only: OperationFilter
    limit: int
    skip: int
    before: Place | None

    def token_after(self, place: Place) -> str:
        """The token of the page that goes on after a row."""
        moment, request_id = place
        head = _TOKEN_HEAD.pack(_TOKEN_VERSION, (moment - _EPOCH) // _MICROSECOND, _mark(self.only))
        return base64.urlsafe_b64encode(head + request_id.encode()).rstrip(b"=").decode()


class PageQuery(Struct, frozen=True):
    """A page by its number, which is 1 for the newest `limit` rows."""

    only: OperationFilter
    page: int
    limit: int


def read_page(asked: AskedLogs, providers: Collection[str]) -> PageQuery:
    """The page asked for by number. Raises RequestInvalid naming the parameter and what it may be."""
    page, limit = 1 if asked.page is None else asked.page, _limit(asked)
    if page < 1:
        raise RequestInvalid("page must be 1 or more.", param="page")
    return PageQuery(read_filter(asked, providers), page, limit)


def read_query(asked: AskedLogs, providers: Collection[str]) -> LogQuery:
    """The query. Raises RequestInvalid naming the parameter and what it may be."""
    limit = _limit(asked)
    only = read_filter(asked, providers)
    if not asked.page_token:
        return LogQuery(only, limit, _skip(asked.page, limit), None)
    if asked.page is not None:
        raise RequestInvalid("page and page_token exclude each other; send one of them.", param="page")
    return LogQuery(only, limit, 0, _place(asked.page_token, only))


def _limit(asked: AskedLogs) -> int:
    limit = DEFAULT_LIMIT if asked.limit is None else asked.limit
    if not 1 <= limit <= MAX_LIMIT:
        raise RequestInvalid(f"limit must be 1 to {MAX_LIMIT}.", param="limit")
    return limit


def read_filter(asked: AskedLogs, providers: Collection[str]) -> OperationFilter:
    """The filters alone. Raises RequestInvalid naming the parameter and what it may be."""
    if asked.provider and asked.provider not in providers:
        raise RequestInvalid(f"provider must be one of {', '.join(sorted(providers))}.", param="provider")
    if len(asked.model) > _MAX_MODEL_CHARS or not asked.model.isprintable():
        raise RequestInvalid(f"model must be a name of at most {_MAX_MODEL_CHARS} characters.", param="model")
    if asked.key_id and not _is_id(asked.key_id, "key_"):
        raise RequestInvalid("key_id must be the id of a gateway key, as key_….", param="key_id")
    start, end = _moment(asked.start_date, "start_date"), _moment(asked.end_date, "end_date")
    if start is not None and end is not None and start > end:
        raise RequestInvalid("start_date must not be after end_date.", param="start_date")
    status, is_ok = _status(asked.status)
    return OperationFilter(
        provider=asked.provider or None,
        model=asked.model or None,
        status=status,
        is_ok=is_ok,
        key_id=asked.key_id or None,
        start=start,
        end=end,
    )


def since(only: OperationFilter, moment: datetime | None) -> OperationFilter:
    """What agrees with the filter from that moment on; None is no bound."""
    if moment is None or (only.start is not None and only.start >= moment):
        return only
    return replace(only, start=moment)


def _skip(page: int | None, limit: int) -> int:
    number = 1 if page is None else page
    if not 1 <= number <= MAX_ROW // limit:
        last = MAX_ROW // limit
        raise RequestInvalid(
            f"page must be 1 to {last:,} with a limit of {limit}; to read further, use page_token.", param="page"
        )
    return (number - 1) * limit


def _status(text: str) -> tuple[int | None, bool | None]:
    """A status, or whether the outcome is `ok`."""
    if not text or text in {"success", "error"}:
        return None, None if not text else text == "success"
    if len(text) == 3 and text.isascii() and text.isdecimal() and int(text) in _STATUSES:
        return int(text), None
    raise RequestInvalid("status must be an HTTP status from 100 to 599, success or error.", param="status")


def _moment(text: str, param: str) -> datetime | None:
    """A moment in UTC."""
    if not text:
        return None
    try:
        if text.isascii() and _DATE.fullmatch(text):
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
        if text.isascii() and (match := _MOMENT.fullmatch(text)):
            date, clock, fraction, zone = match.groups()
            offset = zone.replace(" ", "+").upper()
            return datetime.fromisoformat(f"{date}T{clock}{(fraction or '')[:7]}{offset}").astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise RequestInvalid(f"{param} must be YYYY-MM-DD, or RFC 3339 as 2026-01-28T14:00:00Z.", param=param)


def _place(token: str, only: OperationFilter) -> Place:
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        version, micros, mark = _TOKEN_HEAD.unpack_from(raw)
        place = _EPOCH + timedelta(microseconds=micros), raw[_TOKEN_HEAD.size :].decode("ascii")
    except (binascii.Error, struct.error, ValueError, OverflowError):
        raise _bad_token() from None
    if version != _TOKEN_VERSION or not _is_id(place[1], "req_"):
        raise _bad_token()
    if mark != _mark(only):
        message = "page_token belongs to other filters; send the filters that it came with, or leave it out."
        raise RequestInvalid(message, param="page_token")
    return place


def _bad_token() -> RequestInvalid:
    return RequestInvalid("page_token must be the next_page_token of an earlier page.", param="page_token")


def _mark(only: OperationFilter) -> bytes:
    return hashlib.blake2b(repr(only).encode(), digest_size=8).digest()


def _is_id(text: str, prefix: str) -> bool:
    return text.startswith(prefix) and len(text) <= _MAX_ID_CHARS and text.isascii() and text.isprintable()
