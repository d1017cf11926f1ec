"""One streamed completion asked of a gateway, and what its caller got. Blocking; meant for a thread of its own.

Everything is bounded by one time: a gateway that is silent longer hangs, which is an outcome and not an error here.
"""

import http.client
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import msgspec

PROMPT: Final = "Tell me why a gateway is only as good as its worst day."
MAX_BYTES: Final = 1024 * 1024
"""No plain answer is that long; what is, is not read to its end."""

_PIECE_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Target:
    """The gateway. `url` is its base URL, with or without the `/v1` at its end."""

    url: str
    key: str = field(default="", repr=False)
    model: str = "conformance"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def parts(self) -> SplitResult:
        """Where completions are asked for."""
        base = self.url.rstrip("/")
        return urlsplit(f"{base if base.endswith('/v1') else f'{base}/v1'}/chat/completions")


@dataclass(slots=True)
class Outcome:
    """What the caller got. `error` is empty for what claims to be an answer; `has_hung` is neither."""

    began_s: float
    took_s: float = 0.0
    status: int = 0
    text: str = ""
    model: str = ""
    error: str = ""
    has_usage: bool = False
    has_done: bool = False
    has_hung: bool = False


class _BrokenError(Exception):
    """The answer ended before it was complete."""


def ask(target: Target, number: int, limit_s: float) -> Outcome:
    """Asks once. `number` makes the prompt one of its own; `limit_s` is how long the caller waits, in seconds."""
    outcome = Outcome(time.monotonic())
    deadline_s = outcome.began_s + limit_s
    pieces: list[bytes] = []
    try:
        outcome.status = _exchange(target, number, deadline_s, pieces)
    except TimeoutError:
        outcome.has_hung = time.monotonic() >= deadline_s - 0.05
        outcome.error = f"nothing for {limit_s:g} s"
    except (OSError, http.client.HTTPException, _BrokenError) as error:
        outcome.error = f"the connection broke: {error!r}"
    outcome.took_s = time.monotonic() - outcome.began_s
    _read(b"".join(pieces), outcome)
    return outcome


def _exchange(target: Target, number: int, deadline_s: float, pieces: list[bytes]) -> int:
    """Adds what comes of the body, and gives the status."""
    parts = target.parts
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_left(deadline_s))
    try:
        connection.connect()
        wire: socket.socket = connection.sock
        connection.request("POST", parts.path, _body(target, number), _headers(target))
        answer = connection.getresponse()
        piece, size_bytes = b"-", 0
        while piece:
            wire.settimeout(_left(deadline_s))
            piece = answer.read1(_PIECE_BYTES)
            pieces.append(piece)
            size_bytes += len(piece)
            if size_bytes > MAX_BYTES:
                raise _BrokenError(f"the answer is longer than {MAX_BYTES} bytes")
        if answer.length:
            raise _BrokenError("the body is shorter than its length")
        return answer.status
    finally:
        connection.close()


def _left(deadline_s: float) -> float:
    left_s = deadline_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s


def _headers(target: Target) -> dict[str, str]:
    headers = {"content-type": "application/json", "accept": "text/event-stream", "connection": "close"}
    if target.key:
        headers["authorization"] = f"Bearer {target.key}"
    return headers | dict(target.headers)


def _body(target: Target, number: int) -> bytes:
    return msgspec.json.encode(
        {
            "model": target.model,
            "stream": True,
            "stream_options": {"include_usage": True},
            "messages": [{"role": "user", "content": f"{PROMPT} ({number})"}],
        }
    )


def _read(body: bytes, outcome: Outcome) -> None:
    """Notes what an answer says, as far as it came."""
    if outcome.status not in (0, 200):
        outcome.error = f"status {outcome.status}: {_complaint(_decoded(body))}"
        return
    text = body.replace(b"\r\n", b"\n")
    if not text:
        outcome.error = outcome.error or "an empty answer"
        return
    if not text.lstrip().startswith((b"data:", b"event:", b":", b"id:", b"retry:")):
        _take(_decoded(body), outcome)
        return
    *blocks, rest = text.split(b"\n\n")
    # Readers of events differ about a last one without a blank line; half a one is nothing to any of them.
    for block in (*blocks, rest) if _decoded(rest.removeprefix(b"data:")) else blocks:
        data = b"\n".join(line[5:].strip() for line in block.split(b"\n") if line.startswith(b"data:"))
        if data == b"[DONE]":
            outcome.has_done = True
        elif data:
            _take(_decoded(data), outcome)


def _decoded(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _take(document: Any, outcome: Outcome) -> None:
    """Notes one event, or a whole answer."""
    if not isinstance(document, dict):
        outcome.error = outcome.error or "what came is not JSON"
        return
    if document.get("error"):
        outcome.error = f"error in the answer: {_complaint(document)}"
        return
    outcome.model = document.get("model") or outcome.model
    outcome.has_usage = outcome.has_usage or bool(document.get("usage"))
    for choice in document.get("choices") or ():
        part = choice.get("delta") or choice.get("message") or {}
        outcome.text += part.get("content") or ""


def _complaint(document: Any) -> str:
    """The message of an error body, shortened."""
    error = document.get("error", document) if isinstance(document, dict) else {}
    message = error.get("message") or error.get("code") if isinstance(error, dict) else error
    return str(message or "no message")[:200]
