"""What is told about error reasons."""

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from perpetuo.v1 import errors_pb2

from edge.openapi import DESCRIPTORS
from edge.reasons import Reason, ReasonError, read_reasons
from edge.transcoder.comments import read_comments
from tests.unit.edge.protos import compile_protos, describe_protos

REASONS = read_reasons(
    errors_pb2.ErrorReason.DESCRIPTOR, read_comments(FileDescriptorSet.FromString(DESCRIPTORS.read_bytes()))
)
SOURCE = """
syntax = "proto3";
package e;
import "perpetuo/rest/v1/annotations.proto";
enum Reason {
  REASON_UNSPECIFIED = 0;
  // %s
  REASON_BROKEN = 1 [(perpetuo.rest.v1.error) = {
    http_status: 500 grpc_code: 13 code: "oh" type: "t" retry: RETRY_AFTER
  }];
}
"""


def of_source(comment: str) -> tuple[Reason, ...]:
    source = SOURCE % comment.replace("\n", "\n  // ")
    return read_reasons(compile_protos(source).FindEnumTypeByName("e.Reason"), read_comments(describe_protos(source)))


def test_every_reason_of_the_gateway_is_told() -> None:
    names = {value.name.removeprefix("ERROR_REASON_") for value in errors_pb2.ErrorReason.DESCRIPTOR.values}
    assert {reason.reason for reason in REASONS} == names - {"UNSPECIFIED"}


@pytest.mark.parametrize("reason", REASONS, ids=lambda reason: reason.reason)
def test_a_reason_says_cause_and_fix_in_whole_sentences(reason: Reason) -> None:
    for text in (reason.cause, reason.fix):
        assert len(text) > 10
        assert text.endswith(".")
        assert "\n" not in text
        assert "Fix:" not in text


def test_a_reason_is_its_comment_and_its_rule() -> None:
    assert of_source("Cause: It broke,\nwholly.\nFix: Mend\nit.") == (
        Reason(
            reason="BROKEN",
            cause="It broke, wholly.",
            fix="Mend it.",
            http_status=500,
            grpc_code=13,
            grpc_status="INTERNAL",
            code="oh",
            type="t",
            retry=True,
            docs_url="/docs/errors/broken",
        ),
    )


@pytest.mark.parametrize(
    "comment",
    [
        pytest.param("It broke.", id="no cause"),
        pytest.param("Cause: It broke.", id="no fix"),
        pytest.param("Cause: It broke. Fix: Mend it.", id="both in one line"),
        pytest.param("Fix: Mend it.\nCause: It broke.", id="the wrong way round"),
    ],
)
def test_a_comment_without_cause_and_fix_is_refused(comment: str) -> None:
    with pytest.raises(ReasonError, match="REASON_BROKEN: its comment has to be 'Cause: …'"):
        of_source(comment)
