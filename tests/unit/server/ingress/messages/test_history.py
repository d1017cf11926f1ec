"""What reading a conversation finds out beside its messages."""

import pytest

from server.ingress.messages.history import Findings, is_odd_id


def test_losses_are_kept_in_order_with_their_reason() -> None:
    findings = Findings()
    findings.lose("a")
    findings.lose("b", "is 1 instead of 0.")
    assert [member for member, _ in findings.losses] == ["a", "b"]
    assert findings.losses[0][1].startswith("is not sent")
    assert findings.losses[1][1] == "is 1 instead of 0."


def test_what_is_mixed_once_stays_mixed() -> None:
    told = []
    findings = Findings()
    for is_foreign in (False, True, False):
        findings.mix(is_foreign)
        told.append(findings.is_mixed)
    assert told == [False, True, True]


@pytest.mark.parametrize(
    ("call_id", "is_odd"),
    [("toolu_01-A", False), ("_", False), ("x" * 64, False), ("x" * 65, True), ("", True), ("a.b", True), ("ä", True)],
)
def test_an_id_is_odd_when_anthropic_would_refuse_it(call_id: str, is_odd: bool) -> None:
    assert is_odd_id(call_id) is is_odd
