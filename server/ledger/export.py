"""The logs of a workspace as a CSV file, page by page, so that it can be of any length.

Each page is read in a transaction of its own, because a slow reader must not hold one open. Rows that are written
meanwhile are newer than all that is still to come, and are left out. Cells that a spreadsheet would take for a formula
get an apostrophe in front. Format: RFC 4180.
"""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

from server.errors import RequestInvalid
from server.ledger.analytics import minutes_from
from server.ledger.log_query import AskedLogs, read_filter, since
from server.storage.columns import from_micros
from server.storage.database import Database
from server.storage.operations import EXPORTED
from server.storage.selection import OperationFilter

PAGE_ROWS: Final = 1000
CONTENT_TYPE: Final = "text/csv; charset=utf-8; header=present"
COLUMNS: Final = (
    "created_at", "request_id", "status", "outcome", "model", "model_requested", "provider", "provider_id", "key_id",
    "tokens", "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens",
    "estimated", "cost", "saved_cost", "latency_ms", "first_token_ms", "stream", "cache_hit", "strategy", "complexity",
    "surface", "client_request_id", "notes",
)  # fmt: skip

_FORMATS: Final = ("csv",)
# What a spreadsheet takes for the beginning of a formula, the full-width forms included.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_NANO: Final = 1_000_000_000


class Exports:
    """Writes files. `providers` can be asked for by name, `kept_from` is the moment from which on logs are kept."""

    def __init__(
        self,
        database: Database,
        providers: Collection[str],
        kept_from: Callable[[], datetime | None] = lambda: None,
        page_rows: int = PAGE_ROWS,
    ) -> None:
        self._database = database
        self._providers = providers
        self._kept_from = kept_from
        self._page_rows = page_rows

    def read(self, asked: AskedLogs, file_format: str) -> OperationFilter:
        """What is to be written. Raises RequestInvalid naming the parameter and what it may be."""
        if file_format and file_format not in _FORMATS:
            raise RequestInvalid(f"format must be {', '.join(_FORMATS)}.", param="format")
        return since(read_filter(asked, self._providers), self._kept_from())

    async def pieces(self, workspace_id: str, only: OperationFilter) -> AsyncIterator[bytes]:
        """The file in pieces of at most some hundred kilobytes. Raises StoreUnavailable, between pieces too."""
        before: tuple[datetime, str] | None = None
        header: Sequence[Any] | None = COLUMNS
        while True:
            async with self._database.read() as tx:
                rows = await tx.operations.export(
                    workspace_id, self._page_rows, before, only=only, minutes_from=minutes_from(datetime.now(UTC))
                )
            # Not on the loop: a page takes longer than other requests should wait.
            piece = await asyncio.to_thread(_written, rows, header)
            if piece:
                yield piece
            if len(rows) < self._page_rows:
                return
            header, before = None, (from_micros(rows[-1][0]), rows[-1][1])


def file_name(today: date) -> str:
    """What the file is called."""
    return f"perpetuo-requests-{today.isoformat()}.csv"


def _written(rows: Iterable[Sequence[Any]], header: Sequence[Any] | None) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    if header is not None:
        writer.writerow(header)
    writer.writerows(_cells(dict(zip(EXPORTED, row, strict=True))) for row in rows)
    return text.getvalue().encode()


def _cells(row: dict[str, Any]) -> list[Any]:
    tokens = [row[name] for name in COLUMNS[10:15]]
    has_usage = tokens[0] is not None
    # Where no tokens are known, none were paid for as far as anybody knows.
    cost = row["cost_nanousd"] if has_usage or row["cost_nanousd"] is not None else 0
    return [
        from_micros(row["created_at"]).astimezone(UTC).isoformat().replace("+00:00", "Z"),
        row["request_id"],
        row["status"],
        row["outcome"],
        guarded(row["model"] or row["model_requested"]),
        guarded(row["model_requested"]),
        guarded(row["provider"]),
        row["provider_id"],
        row["key_id"],
        sum(tokens) if has_usage else 0,
        *(tokens if has_usage else (0, 0, 0, 0, 0)),
        _word(row["is_estimated"]),
        _dollars(cost),
        _dollars(row["saved_nanousd"]),
        row["latency_ms"],
        row["first_token_ms"],
        _word(row["is_stream"]),
        _word(row["is_cache_hit"]),
        row["strategy"],
        row["complexity"],
        row["surface"],
        guarded(row["client_request_id"] or ""),
        guarded("; ".join(row["notes"])),
    ]


def guarded(text: str) -> str:
    """The text such that no spreadsheet runs it."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _word(is_so: bool | None) -> str:
    return "true" if is_so else "false"


def _dollars(nanousd: int | None) -> str:
    """Nano-dollars as dollars, exactly; empty where they are not known."""
    if nanousd is None:
        return ""
    whole, rest = divmod(nanousd, _NANO)
    return f"{whole}.{rest:09}".rstrip("0").rstrip(".") if rest else str(whole)
