"""The providers that Perpetuo knows: one row each, and the only place in the tree where their names stand.

A provider that speaks OpenAI's dialect is one row in `rows` and a golden folder under `tests/providers/`. What differs
between vendors is a field of a row or of its dialect.
"""

import difflib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from server.providers.openai import OpenAiDialect
from server.providers.provider import Provider
from server.providers.rows.own_wires import OWN_WIRES
from server.providers.rows.servers import SERVERS
from server.providers.rows.vendors import VENDORS

__all__ = ["PROVIDERS", "Provider", "closest_providers"]

_ROWS: Final = (
    *VENDORS,
    *OWN_WIRES,
    *SERVERS,
    Provider(
        "demo",
        "Demo",
        OpenAiDialect(developer="developer"),
        "demo:",
        ("echo", "slow", "tool", "json", "error-429", "error-500", "flaky", "long"),
        is_builtin=True,
    ),
)

PROVIDERS: Final[Mapping[str, Provider]] = MappingProxyType({row.name: row for row in _ROWS})
"""Every provider by its name."""


def closest_providers(name: str) -> tuple[str, ...]:
    """Up to three names of providers that look like `name`, the nearest first; for messages."""
    return tuple(difflib.get_close_matches(name.strip().lower(), PROVIDERS, n=3, cutoff=0.5))
