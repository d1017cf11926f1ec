"""Slips in a client's base URL, forgiven on the model paths alone: a missing or doubled `/v1`, slashes too many.

Looked at only when nothing is served at the path as sent, so that it never takes a request from a real route.
"""

import re
from typing import Final

# Nothing else is rewritten: on other paths a slip is a 404 that names the nearest path.
_MODEL_PATH: Final = re.compile(
    rb"/+(?:v1/+)*(chat/+completions|completions|messages/+count_tokens|messages|embeddings|responses|models)(?:/+([^/].*?))?/*\Z"
)
_SLASHES: Final = re.compile(rb"/+")


def corrected(raw_path: bytes) -> bytes | None:
    """The path that was meant, as sent, without the query; None if it is no slip that we know."""
    match = _MODEL_PATH.match(raw_path)
    if match is None:
        return None
    collection, rest = match.groups()
    if rest and collection not in (b"models", b"responses"):
        return None
    path = b"/v1/" + _SLASHES.sub(b"/", collection) + (b"/" + rest if rest else b"")
    return path if path != raw_path else None
