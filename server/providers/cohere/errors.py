"""What Cohere's refusals stand for: a message, and statuses of which one means elsewhere something else."""

from collections.abc import Mapping
from typing import Final

from server.errors import PerpetuoError
from server.providers.refusal import judged, read_complaint

_INVALID_TOKEN: Final = 498


def failure_of(status: int, headers: Mapping[str, str], body: bytes) -> PerpetuoError:
    """The reason of an answer that is none."""
    return judged(401 if status == _INVALID_TOKEN else status, headers, read_complaint(body))
