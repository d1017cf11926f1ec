"""Notes in memory end in time and are bounded; without others nobody hears."""

from server.state.memory_notes import MemoryNotes, NoOthers
from tests.unit.server.accounts.clock import Clock


async def test_a_note_is_there_until_its_time_is_over() -> None:
    clock = Clock()
    notes = MemoryNotes(clock)
    await notes.put("a", "1", 10)
    await notes.put("a", "2", 10)
    clock.now_s += 9.9
    assert await notes.get("a") == "2"
    clock.now_s += 0.1
    assert await notes.get("a") is None
    assert len(notes) == 0


async def test_the_oldest_notes_go_first_when_there_are_too_many() -> None:
    notes = MemoryNotes(Clock(), max_notes=3)
    for name in ("a", "b", "c", "a", "d"):
        await notes.put(name, name, 10)
    assert [await notes.get(name) for name in "abcd"] == ["a", None, "c", "d"]


def test_one_who_is_alone_hears_nothing() -> None:
    heard: list[str] = []
    notices = NoOthers()
    notices.hear("user", heard.append)
    notices.when_missed(lambda: heard.append("missed"))
    notices.tell("user", "usr_1")
    assert heard == []
