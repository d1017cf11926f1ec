"""Providers of other packages: rows that installed distributions name in the entry-point group `perpetuo.providers`.

Loaded once, when a gateway starts, and never by an import. What is wrong with a package leaves out that package's rows
alone, and is told with the package's name: a gateway must start whatever is installed beside it. A row of the gateway's
own is never replaced.
"""

import logging
import re
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from server.chat.deployment import Candidate
from server.chat.request import ChatRequest
from server.chat.wire import Framing
from server.providers.choice import dialect_for
from server.providers.dialect import Dialect
from server.providers.prefill import Prefill
from server.providers.provider import Provider
from server.providers.registry import PROVIDERS

GROUP: Final = "perpetuo.providers"
"""The entry points' group. Each is a `Provider`, a list of them, or a function without arguments that gives either."""

_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_VERBS: Final = ("build", "check", "answer", "is_stream", "stream", "error")
_MAX_MESSAGE_CHARS: Final = 300

_log = logging.getLogger(__name__)


class Providers(Struct, frozen=True):
    """Every row by its name, the gateway's own first; and what was left out, each with the package's name."""

    rows: Mapping[str, Provider]
    faults: tuple[str, ...] = ()

    def dialect_of(self, provider: str) -> Dialect:
        """The usual dialect of a provider."""
        return self.rows[provider].dialect

    def dialect_for(self, provider: str, request: ChatRequest) -> Dialect:
        """The dialect of a provider for a request. Raises ParamUnsupported where it cannot serve its form."""
        row = self.rows[provider]
        return row.dialect if request.native is None else dialect_for(row, request)

    def prefill_of(self, candidate: Candidate) -> Prefill | None:
        """How a candidate is told to go on with what the assistant has begun to say; None where it cannot be."""
        prefill = self.rows[candidate.deployment.provider].prefill
        return prefill if prefill is not None and prefill.fits(candidate) else None


class _FaultyError(Exception):
    """What is wrong with what an entry point gives."""


def load_providers(found: Iterable[EntryPoint] | None = None) -> Providers:
    """The gateway's providers and those of other packages; `found` are the entry points, None for those installed."""
    providers = dict(PROVIDERS)
    faults: list[str] = []
    points = entry_points(group=GROUP) if found is None else found
    for point in sorted(points, key=_package):
        faults += (f"{_package(point)}: {fault}" for fault in _take(point, providers))
    for fault in faults:
        _log.error("Providers of a package are left out: %s", fault)
    added = sorted(providers.keys() - PROVIDERS.keys())
    if added:
        _log.info("Providers of other packages: %s", ", ".join(added))
    return Providers(MappingProxyType(providers), tuple(faults))


def _package(point: EntryPoint) -> str:
    """The package with its version, and the name of the entry point."""
    dist = point.dist
    return f"{dist.name} {dist.version} ({point.name})" if dist is not None else f"({point.name})"


def _take(point: EntryPoint, providers: dict[str, Provider]) -> list[str]:
    """Adds the rows of an entry point to `providers`, and tells what is wrong with those that are left out."""
    try:
        rows = _rows(point)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - another's code, of which nothing may stop a gateway
        return [_told(error)]
    faults = []
    for row in rows:
        try:
            _check(row, providers)
        except Exception as error:  # noqa: BLE001 - another's code too: what is looked at may be computed
            faults.append(_told(error))
        else:
            providers[row.name] = row
    return faults


def _rows(point: EntryPoint) -> list[Provider]:
    given = point.load()
    if callable(given) and not isinstance(given, Provider):
        given = given()
    rows = [given] if isinstance(given, Provider) else given
    if not isinstance(rows, list | tuple):
        raise _FaultyError(f"'{point.value}' is a {type(given).__name__}, and neither a Provider nor a list of them.")
    return list(rows)


def _check(row: object, known: Mapping[str, Provider]) -> None:
    """Raises _FaultyError, which says what is wrong with a row."""
    if not isinstance(row, Provider):
        raise _FaultyError(f"A row is a {type(row).__name__}, and not a Provider.")
    if not isinstance(row.name, str) or not _NAME.fullmatch(row.name):
        raise _FaultyError(f"The name {str(row.name)[:50]!r} must be of small letters, digits and hyphens, at most 40.")
    if row.name in known:
        raise _FaultyError(f"There is a provider {row.name!r} already; give it another name.")
    if row.is_builtin:
        raise _FaultyError(f"The provider {row.name!r} cannot be a part of the gateway: is_builtin must be false.")
    lacking = [verb for verb in _VERBS if not callable(getattr(row.dialect, verb, None))]
    if lacking:
        raise _FaultyError(f"The dialect of {row.name!r} lacks {', '.join(lacking)}.")
    if not isinstance(row.dialect.framing, Framing) or not isinstance(row.dialect.name, str):
        raise _FaultyError(f"The dialect of {row.name!r} must have a name and a Framing.")
    if row.default_base_url and not row.default_base_url.startswith(("https://", "http://")):
        raise _FaultyError(f"The default_base_url of {row.name!r} must begin with https:// or http://.")


def _told(error: BaseException) -> str:
    """What happened in one line."""
    text = " ".join(str(error).split())[:_MAX_MESSAGE_CHARS]
    return text if isinstance(error, _FaultyError) else f"{type(error).__name__}: {text}"
