"""What checking one case gives, and how a check says so."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edge.transcoder.profile import Profile
from tests.conformance.schemas import Schemas

Case = Mapping[str, Any]


class Refused(Exception):  # noqa: N818 - an outcome, not an error
    """A template or rule of the case is refused at load, so that there is nothing to ask."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the case expects, and what was seen. Equal when the case holds."""

    expected: object
    actual: object

    @property
    def holds(self) -> bool:
        """Whether the case holds."""
        return self.expected == self.actual


Check = Callable[[Case, Schemas, Profile], Seen]
"""Runs one case. It may raise Refused."""
