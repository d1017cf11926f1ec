"""Cases about headers and codes: header_in, timeout, status."""

from edge.transcoder.faults import TranscodeError
from edge.transcoder.headers import inbound
from edge.transcoder.profile import Profile
from edge.transcoder.status import http_of_grpc
from edge.transcoder.timeouts import grpc_timeout_ns, request_timeout_s
from tests.conformance.check import Case, Seen
from tests.conformance.schemas import Schemas


def check_header_in(case: Case, schemas: Schemas, profile: Profile) -> Seen:
    """A request header becomes this metadata entry, or none. Names are compared in lower case unless we deviate."""
    name, value = case["header"].lower().encode(), case.get("value", "value").encode()
    try:
        entries = inbound([(name, value)], None)
    except TranscodeError as error:
        return Seen(case["forwarded"], str(error) if case["forwarded"] else False)
    if not case["forwarded"]:
        return Seen((), entries)
    key = case["metadata_key"] if case.get("decision") == "deviate" else case["metadata_key"].lower()
    expected: str | bytes = case.get("value", "value")
    if "metadata_value_hex" in case:
        expected = bytes.fromhex(case["metadata_value_hex"])
    return Seen(((key, expected),), entries)


def check_timeout(case: Case, schemas: Schemas, profile: Profile) -> Seen:
    """A timeout header is this long, malformed, or as good as absent."""
    try:
        actual: object = _nanoseconds(case["header"], case["value"])
    except TranscodeError as error:
        actual = f"error {error.http_status}"
    if case.get("error"):
        return Seen("error 400", actual)
    return Seen(case.get("nanoseconds"), actual)


def check_status(case: Case, schemas: Schemas, profile: Profile) -> Seen:
    """A gRPC status code is this HTTP status."""
    return Seen(case["http_status"], http_of_grpc(case["grpc_code"]))


def _nanoseconds(header: str, value: str) -> int | None:
    if header.lower() == "grpc-timeout":
        return grpc_timeout_ns(value)
    seconds = request_timeout_s(value)
    return None if seconds is None else round(seconds * 1e9)
