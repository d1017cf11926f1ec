"""The gateway's OpenAPI document: what descriptors cannot say about it, and the command that writes it.

`python -m edge.openapi OUT` describes what the generated modules serve, with the comments of the descriptor set in
`generated/`. The file is committed, ships with the generated modules, and is what `/openapi.json` shows.
"""

import sys
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import msgspec
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from perpetuo.rest.v1 import annotations_pb2 as rest_options

from edge.description import REASONS_MEMBER, error_example
from edge.reasons import Reason, read_reasons
from edge.rest.services import gateway_reasons, gateway_services
from edge.transcoder.binding import load_bindings
from edge.transcoder.comments import read_comments
from edge.transcoder.openapi import Frame, describe
from edge.transcoder.openapi_examples import Written
from edge.transcoder.profile import PERPETUO

DESCRIPTORS: Final = Path(__file__).parents[1] / "generated" / "perpetuo.binpb"

_ABOUT: Final = """\
One gateway in front of many providers: OpenAI's chat completions, and accounts, workspaces, provider entries and keys.

- Names are snake_case, numbers are JSON numbers, 64-bit ones included, times are RFC 3339 in UTC.
- In a request, a member that is null is as good as left out. Unknown members are refused, but for chat completions, \
where they are passed on. Answers may have more members than are described here.
- Every answer has an `x-request-id`. Every error has the same body; its `docs_url` leads to cause and fix.
- The same methods are served over gRPC with reflection: `x-perpetuo-rpc` names them."""


def gateway_document(descriptors: bytes) -> bytes:
    """The document as JSON text, indented, with a newline at the end.

    Args:
        descriptors: a serialised FileDescriptorSet of the protos that are served, with source info.

    Raises:
        DocumentError, ReasonError: something that cannot be described, or is not.
    """
    comments = read_comments(FileDescriptorSet.FromString(descriptors))
    reasons = read_reasons(gateway_reasons(), comments)
    bindings = load_bindings(gateway_services(), PERPETUO, require_access=True)
    document = describe(bindings, PERPETUO, comments, _frame(reasons), _written())
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the document where it differs from what is there; gives the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if len(arguments) != 1:
        print("usage: python -m edge.openapi OUT", file=sys.stderr)  # noqa: T201
        return 2
    out, document = Path(arguments[0]), gateway_document(DESCRIPTORS.read_bytes())
    if not out.exists() or out.read_bytes() != document:
        out.write_bytes(document)
    return 0


def _written() -> Written:
    text = files("edge.rest").joinpath("examples.json").read_bytes()
    return msgspec.json.decode(text, type=Written)


def _frame(reasons: Sequence[Reason]) -> Frame:
    by_name = {reason.reason: reason for reason in reasons}
    missing_key = "No gateway key came with the request. Send it as 'Authorization: Bearer KEY'."
    return Frame(
        info={"title": "Perpetuo", "version": "v1", "description": _ABOUT},
        security={
            rest_options.ACCESS_USER: ("userToken",),
            rest_options.ACCESS_KEY: ("gatewayKey", "gatewayKeyHeader"),
        },
        security_schemes=_SECURITY_SCHEMES,
        error=_error_schema(reasons),
        error_example=error_example(by_name["INTERNAL"]),
        refusal_example=error_example(by_name["KEY_MISSING"], missing_key),
        answer_headers={"x-request-id": _header("The id of the request, `req_…`, as the log has it.", "string")},
        error_headers={
            "x-should-retry": _header("`true` or `false`: whether the same request may succeed later.", "string"),
            "retry-after": _header("Seconds to wait before the next try, 0 to 60.", "integer"),
        },
        extensions={REASONS_MEMBER: msgspec.to_builtins(reasons)},
    )


def _header(text: str, kind: str) -> dict[str, Any]:
    return {"description": text, "schema": {"type": kind}}


def _error_schema(reasons: Sequence[Reason]) -> dict[str, Any]:
    properties = {
        "message": _text("What happened and what to do."),
        "type": _text("OpenAI's kind of error.") | {"enum": sorted({each.type for each in reasons if each.type})},
        "code": _text("The reason, for programs.") | {"enum": sorted({each.code for each in reasons})},
        "param": {"type": ["string", "null"], "description": "The member to blame, as `messages[2].content`."},
        "request_id": _text("The id of the request, `req_…`, as in `x-request-id`."),
        "details": {
            "type": "object",
            "description": "The variables of the message.",
            "additionalProperties": {"type": "string"},
        },
        "docs_url": _text("Path of the page about the reason on this gateway."),
    }
    return {
        "type": "object",
        "description": "Why a request failed; the same for every path.",
        "properties": properties,
        "required": list(properties),
    }


def _text(description: str) -> dict[str, Any]:
    return {"type": "string", "description": description}


_SECURITY_SCHEMES: Final[Mapping[str, Any]] = {
    "userToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The token that sign-up and log-in answer; valid for 24 hours.",
    },
    "gatewayKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "A gateway key, `pk_…` or `gw_…`, as OpenAI's clients send it.",
    },
    "gatewayKeyHeader": {
        "type": "apiKey",
        "in": "header",
        "name": "x-api-key",
        "description": "The same gateway key in a header of its own.",
    },
}


if __name__ == "__main__":
    sys.exit(main())
