"""Dialects whose modules are imported when something of them is asked for: few gateways speak every wire.

Whoever reads the entries of a workspace calls `Provider.prepare` before, in a thread, so that no request waits for it.
Not for what a module needs of itself: then nothing would be late.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from server.chat.native import NativeRequest
from server.providers.delegating import DelegatingDialect
from server.providers.dialect import Dialect

DialectMaker: TypeAlias = Callable[[NativeRequest], Dialect]
"""Makes the dialect for a request in the form of a face."""


class _Late:
    """`plain` is made when it is asked for the first time; twice the same if two threads ask at once."""

    __slots__ = ()

    _make: Callable[[], Any]
    plain: Any

    def __getattr__(self, name: str) -> Any:
        if name != "plain":
            raise AttributeError(name)
        made = self._make()
        object.__setattr__(self, name, made)  # a slot of each kind
        return made


class LateDialect(_Late, DelegatingDialect):
    """See `Dialect`. `make` imports it."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[[], Dialect]) -> None:
        self._make = make


class LateNative(_Late):
    """What makes dialects for requests in the form of a face, see `Provider.natives`. `make` imports it."""

    __slots__ = ("_make", "plain")

    def __init__(self, make: Callable[[], DialectMaker]) -> None:
        self._make = make

    def __call__(self, native: NativeRequest) -> Dialect:
        """The dialect of one request."""
        made: Dialect = self.plain(native)
        return made


def is_late(verbs: object) -> bool:
    """Whether something is still to be imported."""
    if not isinstance(verbs, _Late):
        return False
    try:
        object.__getattribute__(verbs, "plain")  # not by hasattr, which would import it
    except AttributeError:
        return True
    return False


def load(verbs: object) -> None:
    """Imports what is late of it."""
    if isinstance(verbs, _Late):
        _ = verbs.plain
