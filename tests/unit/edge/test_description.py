"""What ships of the description is what is made of the protos; see `test_openapi` for what stands in it."""

import json

from edge.description import REASONS_MEMBER, error_example, shipped_document
from edge.reasons import Reason

REASONS = [Reason(**each) for each in json.loads(shipped_document())[REASONS_MEMBER]]


def test_an_example_says_what_was_said_or_else_the_cause() -> None:
    reason = REASONS[0]
    assert error_example(reason)["message"] == reason.cause
    assert error_example(reason, "It broke.")["message"] == "It broke."


def test_every_reason_has_a_page_and_a_code() -> None:
    assert len(REASONS) > 10
    for reason in REASONS:
        example = error_example(reason)
        assert (example["code"], example["docs_url"]) == (reason.code, reason.docs_url)
