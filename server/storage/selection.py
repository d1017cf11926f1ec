"""Which operations somebody wants, and what that means for their rows and for the sums over them. Pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

_SAME_IN_BOTH = ("provider", "status", "key_id")
_ROW_MODEL = "(model = :model OR (model = '' AND model_requested = :model))"


class OperationFilter(Struct, frozen=True):
    """Which operations: those that agree with everything that is not None.

    `model` is the one that answered, or where none did the one asked for. `is_ok` are those whose outcome is `ok`, or
    all others. They were settled from `start` on and before `end`.
    """

    provider: str | None = None
    model: str | None = None
    status: int | None = None
    is_ok: bool | None = None
    key_id: str | None = None
    start: datetime | None = None
    end: datetime | None = None

    @property
    def takes_all(self) -> bool:
        """Whether everything of its time agrees with it."""
        return replace(self, start=None, end=None) == EVERY_OPERATION


EVERY_OPERATION = OperationFilter()


def row_condition(only: OperationFilter) -> str:
    """What it means for rows, but for its times, as SQL over the values of `condition_values`."""
    return " AND ".join(_conditions(only, _ROW_MODEL)) or "1 = 1"


def sums_condition(only: OperationFilter) -> str:
    """What it means for sums, which have the model of both kinds in one column."""
    return " AND ".join(_conditions(only, "model = :model")) or "1 = 1"


def condition_values(only: OperationFilter) -> dict[str, Any]:
    """The values of both conditions by their names."""
    found = {name: getattr(only, name) for name in (*_SAME_IN_BOTH, "model")}
    return {name: value for name, value in found.items() if value is not None}


def _conditions(only: OperationFilter, model: str) -> Iterator[str]:
    for name in _SAME_IN_BOTH:
        if getattr(only, name) is not None:
            yield f"{name} = :{name}"
    if only.model is not None:
        yield model
    if only.is_ok is not None:
        yield "outcome = 'ok'" if only.is_ok else "outcome <> 'ok'"
