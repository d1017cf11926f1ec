"""Request records as rows: the values of the tables' columns, as databases take them. Pure.

Operations of one moment agree in most columns, and in some most of them hold the same: what a group of them has in
common is kept once, which is less to make, to sum up and to hand over than whole rows. Written out, because it runs for
every request.
"""

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any, Final, cast

import msgspec

from server.chat.records import AttemptRecord, OperationRecord
from server.chat.usage import Usage
from server.storage.columns import to_json, to_micros
from server.storage.tables import OPERATIONS

Row = tuple[Any, ...]

Group = tuple[Row, Sequence[Row]]
"""Rows of operations: whether all hold what is usual and their values of `COMMON`; and of each those of `OWN`, followed
by those of `USUAL` if they are not usual.
"""

MAX_MODEL_CHARS: Final = 200

OWN: Final = (
    "request_id", "created_at", "input_tokens", "output_tokens", "cost_nanousd", "latency_ms", "call_started_at",
    "call_latency_ms",
)  # fmt: skip
"""The columns in which operations differ."""
USUAL: Final = (
    ("client_request_id", None), ("cache_read_tokens", 0), ("cache_write_tokens", 0), ("reasoning_tokens", 0),
    ("first_token_ms", None), ("saved_nanousd", None), ("call_first_token_ms", None),
)  # fmt: skip
"""Those in which they may differ too, with what most hold."""
COMMON: Final = tuple(column.name for column in OPERATIONS.columns if column.name not in {*OWN, *dict(USUAL)})
"""All others."""

_NO_USAGE: Final[Any] = Usage(*cast(Any, (None,) * len(msgspec.structs.fields(Usage))))
"""What stands in a row without usage."""
_USUAL_VALUES: Final = tuple(value for _, value in USUAL)
_MADE: Final = (*OWN, *dict(USUAL), *COMMON)
_in_order = itemgetter(*(_MADE.index(column.name) for column in OPERATIONS.columns))


def grouped(operations: Iterable[OperationRecord], price_version: str) -> Sequence[Group]:
    """Rows of `operations`. Raises ValueError for what no database can hold.

    `price_version` is the source of prices behind costs whose record names none.
    """
    groups: dict[Row, list[Row]] = {}
    group: list[Row] = []
    last: Row | None = None
    for operation in operations:
        common, own = _parts(operation, price_version)
        if common != last:
            last, group = common, groups.setdefault(common, [])
        group.append(own)
    return list(groups.items())


def whole(groups: Iterable[Group]) -> list[Row]:
    """The same with a value for each column of the table, in order, and sorted by their ids."""
    rows: list[Row] = []
    for common, own in groups:
        rest = (*_USUAL_VALUES, *common[1:]) if common[0] else common[1:]
        rows += [_in_order(each + rest) for each in own]
    return sorted(rows, key=itemgetter(0))


def _parts(operation: OperationRecord, price_version: str) -> tuple[Row, Row]:
    usage, cost_nanousd, model = operation.usage or _NO_USAGE, operation.cost_nanousd, operation.model
    asked, client_request_id, notes = operation.model_requested, operation.client_request_id, operation.notes
    attempts = operation.attempts
    call = attempts[0] if len(attempts) == 1 and _says_the_same(attempts[0], operation) else None
    usual = (
        None if client_request_id is None else _plain(client_request_id),
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.reasoning_tokens,
        operation.first_token_ms,
        operation.saved_nanousd,
        None if call is None else call.first_token_ms,
    )
    is_usual = usual == _USUAL_VALUES
    common = (
        is_usual,
        operation.workspace_id,
        operation.user_id,
        operation.key_id,
        operation.surface,
        _plain(asked) if "\x00" in asked else asked,
        model if len(model) <= MAX_MODEL_CHARS else model[:MAX_MODEL_CHARS],
        operation.provider,
        operation.provider_id,
        operation.strategy,
        operation.complexity,
        1 if operation.is_stream else 0,
        1 if operation.is_cache_hit else 0,
        operation.status,
        operation.outcome,
        None if usage is _NO_USAGE else 1 if usage.is_estimated else 0,
        None if cost_nanousd is None else operation.price_version or price_version,
        to_json(notes) if notes else "[]",
    )
    own = (
        operation.request_id,
        to_micros(operation.created_at),
        usage.input_tokens,
        usage.output_tokens,
        cost_nanousd,
        operation.latency_ms,
        None if call is None else to_micros(call.started_at),
        None if call is None else call.latency_ms,
    )
    return common, own if is_usual else own + usual


def _says_the_same(attempt: AttemptRecord, operation: OperationRecord) -> bool:
    """Whether an only attempt says of itself, but for its times, no more than its operation says."""
    return (
        attempt.number == 1
        and attempt.provider_id == operation.provider_id
        and attempt.provider == operation.provider
        and attempt.model == operation.model
        and len(attempt.model) <= MAX_MODEL_CHARS
        and attempt.outcome == operation.outcome
        and attempt.status == operation.status
        and (attempt.usage is operation.usage or attempt.usage == operation.usage)
        and attempt.cost_nanousd == operation.cost_nanousd
        and attempt.price_version == operation.price_version
        and not attempt.detail
    )


def attempt_row(request_id: str, attempt: AttemptRecord, price_version: str) -> Row:
    """A row of `attempts`. Raises ValueError for what no database can hold."""
    usage, cost_nanousd, detail = attempt.usage or _NO_USAGE, attempt.cost_nanousd, attempt.detail
    return (
        request_id,
        attempt.number,
        attempt.provider_id,
        attempt.provider,
        attempt.model,
        attempt.outcome,
        attempt.status,
        to_micros(attempt.started_at),
        attempt.latency_ms,
        attempt.first_token_ms,
        usage.input_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens,
        usage.output_tokens,
        usage.reasoning_tokens,
        None if usage is _NO_USAGE else 1 if usage.is_estimated else 0,
        cost_nanousd,
        None if cost_nanousd is None else attempt.price_version or price_version,
        _plain(detail) if detail else "",
    )


def _plain(text: str) -> str:
    """What strangers wrote, without NUL, which not every database can hold."""
    return text.replace("\x00", "\ufffd") if "\x00" in text else text
