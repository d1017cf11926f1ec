"""Cases about what ends up in a request message: request, query, query_filter, json_parse."""

from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

from edge.transcoder.binding import BindingError, build_router, load_bindings
from edge.transcoder.faults import TranscodeError
from edge.transcoder.json_decode import compile_decoder
from edge.transcoder.json_text import parse_json
from edge.transcoder.profile import Profile
from edge.transcoder.query import QueryReader
from edge.transcoder.router import Match
from edge.transcoder.status import grpc_of_http
from edge.transcoder.template import TemplateRefusedError
from tests.conformance.check import Case, Refused, Seen
from tests.conformance.schemas import Schemas


def check_request(case: Case, schemas: Schemas, profile: Profile) -> Seen:
    """A rule turns an HTTP request into this message, or into an error."""
    request = case["request"]
    try:
        bindings = load_bindings([schemas.service(case["rule"], case["message"], case["message"])], profile)
    except BindingError as error:
        if isinstance(error.__cause__, TemplateRefusedError):
            raise Refused(str(error)) from error
        return Seen(case["expect"], str(error))
    router = build_router(bindings)

    def build() -> Message:
        found = router.match(request["method"], request["path"].encode())
        if not isinstance(found, Match):
            raise found.error(request["method"])
        body, content_type = request.get("body", ""), request.get("content_type", "")
        return found.target.build(found.values, request.get("query", "").encode(), body.encode(), content_type)

    return _seen(case, schemas, build)


def check_query(case: Case, schemas: Schemas, profile: Profile) -> Seen:
    """A query string sets this message; what is `bound` is not touched."""
    reader = QueryReader(schemas.descriptor(case["message"]), profile, case.get("bound", ()))

    def build() -> Message:
        message = schemas.message_class(case["message"])()
        reader.read(case["query"].encode(), message)
        return message

    return _seen(case, schemas, build)


def check_json_parse(case: Case, schemas: Schemas, profile: Profile) -> Seen:
    """A JSON body is this message, or an error."""
    decode = compile_decoder(schemas.descriptor(case["message"]), profile)
    return _seen(case, schemas, lambda: decode(parse_json(case["body"].encode(), profile.max_depth)))


def _seen(case: Case, schemas: Schemas, build: Any) -> Seen:
    """Compares messages as bytes, so that presence counts and NaN equals itself, and shows them as text."""
    expect: Mapping[str, Any] = case["expect"]
    try:
        actual: object = _key(build())
    except TranscodeError as error:
        actual = {"status": error.http_status, "grpc_code": grpc_of_http(error.http_status)}
        if "error" in expect:
            actual = {name: value for name, value in actual.items() if name in expect["error"]}
    if "error" in expect:
        return Seen(
            {name: expect["error"][name] for name in ("status", "grpc_code") if name in expect["error"]}, actual
        )
    return Seen(_key(json_format.ParseDict(expect["message"], schemas.message_class(case["message"])())), actual)


def _key(message: Message) -> tuple[str, bytes]:
    return str(message), message.SerializeToString(deterministic=True)
