"""Which fields an update names: those of its mask, or without one those that are set."""

from collections.abc import Collection
from typing import Any, Final

from server.errors import RequestInvalid

_MASK: Final = "update_mask"


def named_fields(request: Any, changeable: Collection[str]) -> frozenset[str]:
    """The names of the fields to change, all of them among `changeable`.

    Raises RequestInvalid for a mask that names anything else; fields that are set but not named are left alone.
    """
    if not request.HasField(_MASK):
        return frozenset(field.name for field, _ in request.ListFields() if field.name in changeable)
    named = frozenset(request.update_mask.paths)
    for name in sorted(named):
        if name not in changeable:
            known = ", ".join(sorted(changeable))
            raise RequestInvalid(f"{name[:100]} cannot be changed; what can is {known}.", param=name[:100])
    return named
