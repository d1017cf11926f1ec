"""What scenarios are made of: each part by its name, what it does, and its parameters with their defaults. Data only.

A part of kind `PORT` holds for everything at a port, since no request gets far enough to name it. Numbers are whole;
times are milliseconds. `n` counts events of a stream; of a body that is no stream it counts bytes.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from msgspec import Struct, field


class Kind(Enum):
    """What a part is about; the order of the documentation."""

    CONNECTION = "The connection breaks or stays silent"
    ANSWER = "Another answer than the one asked for"
    STREAM = "The stream is not what it should be"
    ODD = "Odd but valid"
    SIZE = "Too much, or compressed"
    CONTENT = "Another content"
    WHEN = "When it holds"
    PORT = "For a whole port, with `--scenario` alone"


class Part(Struct, frozen=True):
    """One part. A default that is a number makes its parameter one. `is_open`: any other parameter may be named."""

    kind: Kind
    says: str
    defaults: Mapping[str, int | str] = field(default_factory=dict)
    is_open: bool = False


_ERROR: Final[Mapping[str, int | str]] = {"type": "", "code": "", "message": "", "param": ""}

PARTS: Final[Mapping[str, Part]] = {
    "ok": Part(Kind.CONTENT, "The plain answer, as without a scenario."),
    # The connection.
    "delay-headers": Part(Kind.CONNECTION, "Waits before the headers.", {"ms": 200}),
    "delay-first": Part(Kind.CONNECTION, "Sends the headers, waits before the first byte of the body.", {"ms": 200}),
    "stall-headers": Part(Kind.CONNECTION, "Never answers, and keeps the connection."),
    "stall-after": Part(
        Kind.CONNECTION,
        "Falls silent after `n` events, and keeps the connection, or closes it after `ms`.",
        {"n": 3, "ms": 0},
    ),
    "stall-end": Part(Kind.CONNECTION, "Sends everything, but never ends the body."),
    "trickle": Part(
        Kind.CONNECTION, "After `n` events sends nothing but a comment every `ms`, for ever.", {"n": 3, "ms": 100}
    ),
    "reset-headers": Part(Kind.CONNECTION, "Resets the connection without an answer."),
    "close-headers": Part(Kind.CONNECTION, "Closes the connection in order without an answer."),
    "half-head": Part(Kind.CONNECTION, "Closes the connection within the headers."),
    "reset-reused": Part(Kind.CONNECTION, "Resets a connection that has carried a request before; a new one is fine."),
    "close-reused": Part(Kind.CONNECTION, "The same, closed in order."),
    "reset-after": Part(Kind.CONNECTION, "Resets the connection after `n` events.", {"n": 3}),
    "close-after": Part(Kind.CONNECTION, "Closes the connection after `n` events, without the last chunk.", {"n": 3}),
    "cut-at": Part(Kind.CONNECTION, "Closes the connection after `byte` bytes of the body.", {"byte": 500}),
    "reset-at": Part(Kind.CONNECTION, "Resets the connection after `byte` bytes of the body.", {"byte": 500}),
    "cut-wire": Part(
        Kind.CONNECTION, "Closes it after `byte` bytes on the wire behind the headers, chunk sizes too.", {"byte": 500}
    ),
    "end-at": Part(
        Kind.CONNECTION, "Ends the body in order after `byte` bytes, as if that were all of it.", {"byte": 500}
    ),
    # Other answers.
    "status-NNN": Part(
        Kind.ANSWER,
        "That status with an error body. `retry_after` and `retry_after_ms` are headers as they are, `retry_date` a "
        "date so many seconds from now.",
        {**_ERROR, "retry_after": "", "retry_after_ms": "", "retry_date": ""},
    ),
    "header": Part(Kind.ANSWER, "Adds headers: `header?NAME=VALUE&NAME=VALUE`.", is_open=True),
    "error-200": Part(Kind.ANSWER, "Status 200 with an error as the body or as the first event.", _ERROR),
    "body": Part(Kind.ANSWER, "`value` as the body, called `kind`.", {"value": "", "kind": "application/json"}),
    "html": Part(Kind.ANSWER, "An HTML page instead of JSON, with status 200 unless `status-NNN` stands beside it."),
    "empty": Part(Kind.ANSWER, "No body."),
    "redirect": Part(Kind.ANSWER, "A redirect.", {"status": 302, "location": "/elsewhere"}),
    "not-http": Part(Kind.ANSWER, "A line of another protocol."),
    "truncated-json": Part(
        Kind.ANSWER, "Only the first `byte` bytes of a body that is no stream, declared as all.", {"byte": 60}
    ),
    # Streams.
    "malformed-event": Part(
        Kind.STREAM,
        "Puts `count` events that are not JSON before event `n`; other bodies lose their end.",
        {"n": 2, "count": 1},
    ),
    "error-event": Part(
        Kind.STREAM,
        "An error instead of event `n`, and then the end; `name` is the event's type.",
        {"n": 2, "name": "", **_ERROR},
    ),
    "no-finish": Part(Kind.STREAM, "Leaves out the finish reason and the mark of the end."),
    "no-done": Part(Kind.STREAM, "Leaves out the mark of the end."),
    "no-usage": Part(Kind.STREAM, "Reports no usage, even if asked."),
    "role-only": Part(Kind.STREAM, "A stream that ends after its beginning, before any content."),
    "done-only": Part(Kind.STREAM, "A stream that is nothing but the mark of the end."),
    "empty-deltas": Part(Kind.STREAM, "`n` events without content before the first that has some.", {"n": 2000}),
    "flood": Part(Kind.STREAM, "Comments without end, as fast as they are taken, instead of events."),
    # Odd but valid.
    "crlf": Part(Kind.ODD, "Lines of a stream end with CR and LF."),
    "cr": Part(Kind.ODD, "Lines of a stream end with CR."),
    "mixed-ends": Part(Kind.ODD, "Each event of a stream ends its lines in another of the three ways."),
    "bom": Part(Kind.ODD, "A stream begins with a byte order mark."),
    "comments": Part(Kind.ODD, "A comment before every event."),
    "meta-events": Part(Kind.ODD, "Events of nothing but `id:` and `retry:` between the others."),
    "multi-line": Part(Kind.ODD, "The data of an event on several lines."),
    "no-space": Part(Kind.ODD, "No blank after `data:`."),
    "split-every-byte": Part(Kind.ODD, "Sends the body byte by byte, each in a packet of its own."),
    "bad-utf8": Part(Kind.ODD, "Bytes in the text that are not UTF-8."),
    "lone-surrogate": Part(Kind.ODD, "Half of a surrogate pair in the text, escaped."),
    "nul": Part(Kind.ODD, "A NUL in the text, escaped."),
    "first-empty": Part(Kind.ODD, "A first event without any choice."),
    # Sizes and encodings.
    "gzip": Part(Kind.SIZE, "Compresses the body though nobody asked for it."),
    "double-gzip": Part(Kind.SIZE, "Compresses the body twice."),
    "encoding": Part(Kind.SIZE, "Calls a plain body encoded as `value`.", {"value": "br"}),
    "bomb": Part(Kind.SIZE, "A compressed body that inflates to `mib` MiB of blanks.", {"mib": 32}),
    "endless": Part(Kind.SIZE, "Tokens without end, as fast as they are taken; blanks if no stream was asked for."),
    "big-line": Part(Kind.SIZE, "One event of `mib` MiB.", {"mib": 5}),
    "big-body": Part(Kind.SIZE, "An answer of `mib` MiB.", {"mib": 65}),
    "big-head": Part(Kind.SIZE, "Headers of `kib` KiB.", {"kib": 100}),
    # Contents.
    "tool": Part(
        Kind.CONTENT,
        "Calls the first tool of the request, or `name`. `shape`: `split-name`, `same-index` or `no-index` of calls.",
        {"arguments": "{}", "name": "", "shape": ""},
    ),
    "slow": Part(Kind.CONTENT, "`n` tokens, `ms` before each.", {"n": 20, "ms": 50}),
    "long": Part(Kind.CONTENT, "`n` tokens.", {"n": 1000}),
    "text": Part(Kind.CONTENT, "Answers `value`.", {"value": ""}),
    "finish": Part(Kind.CONTENT, "Finishes for `reason`.", {"reason": "content_filter"}),
    "named": Part(Kind.CONTENT, "The answer calls its model `value`.", {"value": "mock-model"}),
    "no-prefill": Part(Kind.CONTENT, "Refuses a conversation whose last message is the assistant's, with a 400."),
    "prefills": Part(
        Kind.CONTENT,
        "Goes on where a last message of the assistant ends, if the text begins with it; with `echo` says that again.",
        {"echo": 0},
    ),
    "models": Part(Kind.CONTENT, "For GET /v1/models: the list is `ids`, separated by commas.", {"ids": ""}),
    # When.
    "times": Part(Kind.WHEN, "Holds for the first `n` requests that name the scenario, later ones are fine.", {"n": 1}),
    "lasts": Part(Kind.WHEN, "Holds for `ms` from the first request that names the scenario on.", {"ms": 60_000}),
    # Ports.
    "refused": Part(Kind.PORT, "Connections are refused."),
    "black-hole": Part(Kind.PORT, "Connecting never ends."),
    "hang-up": Part(Kind.PORT, "Connections are reset as soon as they stand."),
    "tls": Part(Kind.PORT, "Speaks TLS with a certificate for localhost and 127.0.0.1, from an authority of its own."),
    "tls-expired": Part(Kind.PORT, "The same, but the certificate has expired."),
    "tls-wrong-name": Part(Kind.PORT, "The same, but the certificate is another host's."),
    "tls-self-signed": Part(Kind.PORT, "A certificate that no authority has signed."),
    "tls-hang": Part(Kind.PORT, "Takes the connection and never shakes hands."),
}
"""Every part by its name."""
