"""Cases about what a client reads: response, response_stream, error_body."""

import json
from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format

from edge.transcoder.binding import Binding, load_bindings
from edge.transcoder.profile import Profile
from tests.conformance.calls import Response, ScriptedCall, respond
from tests.conformance.check import Case, Seen
from tests.conformance.schemas import Schemas

_RAW = "google.api.HttpBody"


def check_response(case: Case, schemas: Schemas, profile: Profile) -> Seen:
    """A message is this JSON, after `response_body`."""
    rule = {"method": "GET", "template": "/v1/x", "response_body": case["response_body"]}
    (binding,) = load_bindings([schemas.service(rule, case["message"], case["message"])], profile)
    message = json_format.ParseDict(case["value"], schemas.message_class(case["message"])())
    return Seen(case["expect_json"], json.loads(binding.encode(message)))


def check_stream(case: Case, schemas: Schemas, profile: Profile) -> Seen:
    """A stream of these messages, ending in `error` if there is one, is this body.

    `expect_error` are members of the error in the last line, which then is not among `expect_lines`.
    """
    response = _stream(case, profile)
    expected: dict[str, object] = {}
    actual: dict[str, object] = {}
    if "content_type" in case:
        expected["content_type"], actual["content_type"] = case["content_type"], response.content_type
    if "expect_body" in case:
        expected["body"], actual["body"] = case["expect_body"], response.body
    if "expect_lines" in case:
        lines = response.body.splitlines()
        if "expect_error" in case:
            error = json.loads(lines.pop())["error"]
            expected["error"] = case["expect_error"]
            actual["error"] = {name: error.get(name) for name in case["expect_error"]}
        expected["lines"], actual["lines"] = case["expect_lines"], lines
    return Seen(expected, actual)


def check_error_body(case: Case, schemas: Schemas, profile: Profile) -> Seen:
    """A call that fails at once is this status and body."""
    failing = {"value": [], "error": {"code": case["grpc_code"], "message": case["message"]}}
    response = _stream(failing, profile)
    return Seen((case["http_status"], case["expect_json"]), (response.status, json.loads(response.body)))


def _stream(case: Mapping[str, Any], profile: Profile) -> Response:
    values = case["value"]
    is_raw = any("content_type" in value for value in values)
    name = _RAW if is_raw else "Event"
    schemas = Schemas({"Event": {member: "string" for value in values for member in value}})
    (binding,) = load_bindings([schemas.service(_rule(case), "Event", name)], profile)
    messages = [_message(binding, value, is_raw=is_raw) for value in values]
    return respond(binding, ScriptedCall(messages, case.get("error")), profile)


def _rule(case: Mapping[str, Any]) -> Mapping[str, str]:
    """Server-sent events where the case is about them, else what a method gets that says nothing."""
    is_sse = any(name.endswith(":sse") for name in case.get("profile", ()))
    return {
        "method": "GET",
        "template": "/v1/x",
        "framing": "FRAMING_SSE_DONE" if is_sse else "FRAMING_UNSPECIFIED",
    }


def _message(binding: Binding, value: Mapping[str, str], *, is_raw: bool) -> Any:
    message: Any = binding.response_class()
    for name, text in value.items():
        setattr(message, name, text.encode() if is_raw and name == "data" else text)
    return message
