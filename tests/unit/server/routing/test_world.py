"""A world that was given nothing special: no upstream was seen, none rests."""

from server.chat.deployment import Candidate
from server.routing.measured import NOTHING
from server.routing.world import measured_nowhere, never_rests
from tests.unit.server.routing.worlds import entry, world


def test_by_default_nothing_was_measured_and_nobody_rests() -> None:
    plain = world([])
    assert plain.measured_of is measured_nowhere
    assert plain.rests_for is never_rests
    assert plain.measured_of("p", "m", False) == NOTHING
    assert plain.rests_for(Candidate(entry("p", "openai"), "m")) is None
