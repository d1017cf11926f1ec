"""The classes of errors are the proto's table, no more and no less."""

import pytest
from perpetuo.rest.v1 import annotations_pb2
from perpetuo.v1 import errors_pb2

from server.errors import REASONS, PerpetuoError

TABLE = {
    value.name.removeprefix("ERROR_REASON_"): value.GetOptions().Extensions[annotations_pb2.error]
    for value in errors_pb2.ErrorReason.DESCRIPTOR.values
    if value.number
}


def test_every_reason_has_a_class_and_every_class_a_reason() -> None:
    assert REASONS.keys() == TABLE.keys()


@pytest.mark.parametrize("reason", TABLE)
def test_a_class_has_the_http_status_of_its_reason(reason: str) -> None:
    assert (REASONS[reason].reason, REASONS[reason].http_status) == (reason, TABLE[reason].http_status)


def test_a_class_is_named_after_its_reason() -> None:
    assert {reason: cls.__name__ for reason, cls in REASONS.items()} == {
        reason: "".join(word.capitalize() for word in reason.split("_")) for reason in TABLE
    }


@pytest.mark.parametrize(
    ("given", "kept"),
    [(None, None), (-1.0, 0.0), (0.0, 0.0), (2.5, 2.5), (3600.0, 60.0)],
    ids=["no wait", "a wait in the past", "none", "a short wait", "an hour"],
)
def test_a_wait_is_between_nothing_and_a_minute(given: float | None, kept: float | None) -> None:
    assert PerpetuoError("wait", retry_after_s=given).retry_after_s == kept
