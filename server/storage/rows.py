"""Request records as rows: the values of the tables' columns, as databases take them. Pure.

Operations of one moment agree in most columns, and in some most of them hold the same: what a group of them has in
common is kept once, which is less to make, to sum up and to hand over than whole rows. What a group differs in is made
column by column.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter, itemgetter
from typing import Any, Final, TypeAlias, cast

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


_Form: TypeAlias = tuple[Row, Row | None, bool | None, bool]
"""What operations of a group agree in: their own, and their only call if it used and cost the same; whether the usage is
an estimate, None without usage; and whether there is a cost.
"""

# In C: many of them are taken of every request.
_alike_of = attrgetter(
    "workspace_id", "user_id", "key_id", "surface", "model_requested", "model", "provider", "provider_id", "strategy",
    "complexity", "is_stream", "is_cache_hit", "status", "outcome", "price_version", "notes",
)  # fmt: skip
_call_of = attrgetter("provider_id", "provider", "model", "outcome", "status", "price_version", "number", "detail")
_operation_columns_of = attrgetter(
    "request_id", "created_at", "cost_nanousd", "latency_ms", "client_request_id", "first_token_ms", "saved_nanousd"
)
_usage_columns_of = attrgetter(
    "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens"
)
_call_columns_of = attrgetter("started_at", "latency_ms", "first_token_ms")


def grouped(operations: Iterable[OperationRecord], price_version: str) -> Sequence[Group]:
    """Rows of `operations`. Raises ValueError for what no database can hold.

    `price_version` is the source of prices behind costs whose record names none.
    """
    forms = defaultdict[_Form, list[tuple[OperationRecord, Usage, AttemptRecord | None]]](list)
    for operation in operations:
        usage, cost_nanousd, attempts = operation.usage, operation.cost_nanousd, operation.attempts
        call = attempts[0] if len(attempts) == 1 else None
        if call is not None:
            is_same = call.usage is usage or call.usage == usage
            call = call if is_same and call.cost_nanousd == cost_nanousd else None
        used: Usage = usage or _NO_USAGE
        call_form = None if call is None else _call_of(call)
        form = _alike_of(operation), call_form, used.is_estimated, cost_nanousd is not None
        forms[form].append((operation, used, call))
    return [group for form, told in forms.items() for group in _groups_of(form, told, price_version)]


def _groups_of(
    form: _Form, told: Iterable[tuple[OperationRecord, Usage, AttemptRecord | None]], price_version: str
) -> Iterator[Group]:
    """Those of one form: that of what is usual, and that of what is not."""
    operations, usages, calls = zip(*told, strict=True)
    ids, created_at, costs, latencies_ms, client_ids, first_ms, saved = zip(
        *map(_operation_columns_of, operations), strict=True
    )
    inputs, outputs, *other_tokens = zip(*map(_usage_columns_of, usages), strict=True)
    started_us: tuple[int | None, ...] = (None,) * len(ids)
    call_ms: tuple[int | None, ...] = started_us
    call_first_ms: tuple[int | None, ...] = started_us
    if _says_the_same(form):
        started_at, call_ms, call_first_ms = zip(*map(_call_columns_of, calls), strict=True)
        started_us = tuple(map(to_micros, started_at))
    own = ids, tuple(map(to_micros, created_at)), inputs, outputs, costs, latencies_ms, started_us, call_ms
    if client_ids.count(None) < len(ids):
        client_ids = tuple([None if each is None else _plain(each) for each in client_ids])
    usual = client_ids, *other_tokens, first_ms, saved, call_first_ms
    common = _common(form, price_version)
    if all(column.count(value) == len(ids) for column, value in zip(usual, _USUAL_VALUES, strict=True)):
        yield (True, *common), list(zip(*own, strict=True))
        return
    rows, width = list(zip(*own, *usual, strict=True)), len(own)
    if as_usual := [row[:width] for row in rows if row[width:] == _USUAL_VALUES]:
        yield (True, *common), as_usual
    yield (False, *common), [row for row in rows if row[width:] != _USUAL_VALUES]


def _common(form: _Form, price_version: str) -> Row:
    """The values of `COMMON`."""
    alike, _, is_estimated, has_cost = form
    *whose, surface, asked, model, provider, provider_id, strategy, complexity = alike[:10]
    is_stream, is_cache_hit, status, outcome, own_price_version, notes = alike[10:]
    return (
        *whose,
        surface,
        _plain(asked),
        model[:MAX_MODEL_CHARS],
        provider,
        provider_id,
        strategy,
        complexity,
        1 if is_stream else 0,
        1 if is_cache_hit else 0,
        status,
        outcome,
        None if is_estimated is None else 1 if is_estimated else 0,
        (own_price_version or price_version) if has_cost else None,
        to_json(notes),
    )


def _says_the_same(form: _Form) -> bool:
    """Whether an only attempt says of itself, but for its times, no more than its operation says."""
    alike, call, _, _ = form
    *_, model, provider, provider_id, _, _, _, _, status, outcome, price_version, _ = alike
    return (
        call == (provider_id, provider, model, outcome, status, price_version, 1, "") and len(model) <= MAX_MODEL_CHARS
    )


def whole(groups: Iterable[Group]) -> list[Row]:
    """The same with a value for each column of the table, in order, and sorted by their ids."""
    rows: list[Row] = []
    for common, own in groups:
        rest = (*_USUAL_VALUES, *common[1:]) if common[0] else common[1:]
        rows += [_in_order(each + rest) for each in own]
    return sorted(rows, key=itemgetter(0))


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
