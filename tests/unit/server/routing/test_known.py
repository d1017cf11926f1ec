"""Where nothing is kept nothing is known."""

from server.routing.known import KnownOf, nothing_known


def test_everything_has_to_be_asked_for_by_itself() -> None:
    known_of: KnownOf = nothing_known
    assert known_of("ws_1") is None
