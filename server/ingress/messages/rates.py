"""Where the limits stand, in the headers that Anthropic's clients read, beside those that were announced."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

_PREFIX: Final = "anthropic-ratelimit-requests-"
_COPIED: Final[Mapping[str, str]] = {
    "x-ratelimit-limit": f"{_PREFIX}limit",
    "x-ratelimit-remaining": f"{_PREFIX}remaining",
}
_RESET: Final = "x-ratelimit-reset"


def with_kin(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The pairs, and for limits the same facts under Anthropic's names; the reset is a time in RFC 3339."""
    found = list(pairs)
    kin = []
    for name, value in found:
        if name in _COPIED:
            kin.append((_COPIED[name], value))
        elif name == _RESET:
            kin.append((f"{_PREFIX}reset", _rfc3339(int(value))))
    return found + kin if kin else found


def _rfc3339(epoch_s: int) -> str:
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
