"""Every fault carries what the REST error needs."""

import pytest

from edge.transcoder.faults import TranscodeError, invalid, method_not_allowed, route_unknown


@pytest.mark.parametrize(
    ("fault", "status", "reason", "param", "allow"),
    [
        pytest.param(
            invalid("bad", "a.b"), 400, "REQUEST_INVALID", "a.b", (), id="an invalid request names the member"
        ),
        pytest.param(invalid("bad"), 400, "REQUEST_INVALID", None, (), id="an invalid request may blame no member"),
        pytest.param(route_unknown("none"), 404, "ROUTE_UNKNOWN", None, (), id="an unknown route is a 404"),
        pytest.param(
            method_not_allowed("no", ("GET",)),
            405,
            "METHOD_NOT_ALLOWED",
            None,
            ("GET",),
            id="a wrong method says which are right",
        ),
    ],
)
def test_a_fault_carries_what_the_answer_needs(
    fault: TranscodeError, status: int, reason: str, param: str | None, allow: tuple[str, ...]
) -> None:
    assert (fault.http_status, fault.reason, fault.param, fault.allow) == (status, reason, param, allow)
    assert str(fault) == fault.message
