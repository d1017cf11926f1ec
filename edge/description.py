"""What the gateway says of itself while it serves: the OpenAPI document as it ships, and an error as one would get it.

Must know nothing of how the document is made, which is `edge.openapi`'s, and takes ten modules more.
"""

from importlib.resources import files
from typing import Any, Final

from edge.reasons import Reason

REASONS_MEMBER: Final = "x-perpetuo-errors"
"""The document's member that lists every reason of an error."""

_REQUEST_ID: Final = "req_01kfjc5x8e5rq3z2m4t6w8y0ab"


def shipped_document() -> bytes:
    """The document that ships with the generated modules."""
    return files("perpetuo.v1").joinpath("openapi.json").read_bytes()


def error_example(reason: Reason, message: str | None = None) -> dict[str, Any]:
    """The member `error` of an answer that fails for this reason."""
    return {
        "message": message or reason.cause,
        "type": reason.type,
        "code": reason.code,
        "param": None,
        "request_id": _REQUEST_ID,
        "details": {},
        "docs_url": reason.docs_url,
    }
