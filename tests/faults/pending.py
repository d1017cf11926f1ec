"""Rows that the gateway does not meet yet, by what it lacks. Data only; `make faults` runs them, `make test` does not.

A row leaves this page with the change that meets it. Its expectation in `table` is never touched for that.
"""

from typing import Final

PENDING: Final[dict[str, tuple[str, ...]]] = {}
"""What is missing, and the faults that show it."""

ABSENT: Final = frozenset(fault for faults in PENDING.values() for fault in faults)
"""All of them."""
