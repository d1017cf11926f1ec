"""What arrived at the mock, kept to be looked at."""

import base64
from collections import deque
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Recorded:
    """One request, the `exchange`-th of its connection, and the scenario that it got.

    Times are seconds of the loop's clock; `disconnected_at_s` is set if the client left too early.
    """

    method: str
    path: str
    headers: list[tuple[bytes, bytes]]
    body: bytes
    received_at_s: float
    connection: int
    exchange: int = 1
    scenario: str = ""
    is_answered: bool = False
    disconnected_at_s: float | None = None

    def header(self, name: str) -> str | None:
        """The first header of that name, case aside."""
        wanted = name.lower().encode()
        return next((value.decode("latin-1") for key, value in self.headers if key.lower() == wanted), None)

    def as_json(self, started_at_s: float) -> dict[str, Any]:
        """The record for GET /mock/requests: the body as text if it is UTF-8, else base64; times in ms since start."""
        try:
            body, encoding = self.body.decode(), "text"
        except UnicodeDecodeError:
            body, encoding = base64.b64encode(self.body).decode(), "base64"
        gone = self.disconnected_at_s
        return {
            "method": self.method,
            "path": self.path,
            "headers": [[key.decode("latin-1"), value.decode("latin-1")] for key, value in self.headers],
            "body": body,
            "body_encoding": encoding,
            "connection": self.connection,
            "scenario": self.scenario,
            "received_ms": round((self.received_at_s - started_at_s) * 1000, 3),
            "answered": self.is_answered,
            "disconnected": gone is not None,
            "disconnected_ms": None if gone is None else round((gone - started_at_s) * 1000, 3),
        }


@dataclass(slots=True)
class Records:
    """The last requests, oldest first, at most 10,000."""

    requests: deque[Recorded] = field(default_factory=lambda: deque(maxlen=10_000))
    disconnects: deque[Recorded] = field(default_factory=lambda: deque(maxlen=10_000))

    def clear(self) -> None:
        """Forgets everything."""
        self.requests.clear()
        self.disconnects.clear()
