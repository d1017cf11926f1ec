"""What Anthropic would not take as it came."""

import pytest

from server.ingress.messages.history import is_odd_id


@pytest.mark.parametrize(
    ("call_id", "is_odd"),
    [("toolu_01-A", False), ("_", False), ("x" * 64, False), ("x" * 65, True), ("", True), ("a.b", True), ("ä", True)],
)
def test_an_id_is_odd_when_anthropic_would_refuse_it(call_id: str, is_odd: bool) -> None:
    assert is_odd_id(call_id) is is_odd
