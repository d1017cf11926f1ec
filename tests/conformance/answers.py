"""Cases about what a client reads: response."""

import json

from google.protobuf import json_format

from edge.transcoder.binding import load_bindings
from edge.transcoder.profile import Profile
from tests.conformance.check import Case, Seen
from tests.conformance.schemas import Schemas


def check_response(case: Case, schemas: Schemas, profile: Profile) -> Seen:
    """A message is this JSON, after `response_body`."""
    rule = {"method": "GET", "template": "/v1/x", "response_body": case["response_body"]}
    (binding,) = load_bindings([schemas.service(rule, case["message"], case["message"])], profile)
    message = json_format.ParseDict(case["value"], schemas.message_class(case["message"])())
    return Seen(case["expect_json"], json.loads(binding.encode(message)))
