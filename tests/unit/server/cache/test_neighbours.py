"""The index: the most similar of one scope, within bounds, and never of another scope or workspace."""

import random
from array import array

import pytest

from server.cache.kept import KeptAnswer
from server.cache.lexical import unit
from server.cache.neighbours import MOST, Neighbours, Turn, turn_of
from tests.unit.server.cache.answers import answer

PLACE = ("ws_1", b"scope")
MARKS = b"m"


def turn(*numbers: float, marks: bytes = MARKS) -> Turn:
    return turn_of(marks, unit(list(numbers)))


def any_answer(key: bytes) -> KeptAnswer | None:
    return answer(key.decode("latin-1"))


def find(index: Neighbours, asked: Turn, least: float = 0.9, now_s: float = 0.0) -> tuple[str, float] | None:
    match = index.find(PLACE, asked, least, any_answer, now_s)
    return None if match is None else (match.source, match.similarity)


def test_the_most_similar_is_found_with_its_likeness_in_four_digits() -> None:
    index = Neighbours(1_000_000, 60.0)
    index.keep(PLACE, turn(1, 0.3), b"a", "req_a", 0.0)
    index.keep(PLACE, turn(1, 0.1), b"b", "req_b", 0.0)
    assert find(index, turn(1, 0.12)) == ("req_b", 0.9998)
    assert find(index, turn(1, 0.3)) == ("req_a", 1.0)
    assert find(index, turn(0.1, 1)) is None


@pytest.mark.parametrize(
    "asked",
    [turn(1, 0, marks=b"other"), turn(1, 0, 0), turn(-1, 0), turn(0.7, 0.7)],
    ids=["other marks", "another length", "the opposite", "not near enough"],
)
def test_what_is_not_found(asked: Turn) -> None:
    index = Neighbours(1_000_000, 60.0)
    index.keep(PLACE, turn(1, 0), b"a", "req_a", 0.0)
    assert find(index, asked) is None


def test_an_answer_that_is_gone_gives_way_to_the_next() -> None:
    index = Neighbours(1_000_000, 60.0)
    index.keep(PLACE, turn(1, 0), b"gone", "req_a", 0.0)
    index.keep(PLACE, turn(1, 0.1), b"here", "req_b", 0.0)
    match = index.find(PLACE, turn(1, 0), 0.9, lambda key: None if key == b"gone" else answer(), 0.0)
    assert match is not None
    assert match.source == "req_b"


def test_a_turn_that_is_kept_again_is_one_turn() -> None:
    index = Neighbours(1_000_000, 60.0)
    index.keep(PLACE, turn(1, 0), b"a", "req_1", 0.0)
    size_bytes = index.size_bytes
    index.keep(PLACE, turn(1, 0), b"a", "req_2", 0.0)
    assert index.size_bytes == size_bytes
    assert find(index, turn(1, 0)) == ("req_2", 1.0)


def test_the_oldest_turns_of_a_scope_go_first() -> None:
    index = Neighbours(100_000_000, 60.0)
    for number in range(MOST + 5):
        one = turn_of(str(number).encode(), array("f", [1.0]))
        index.keep(PLACE, one, str(number).encode(), f"req_{number}", 0.0)
    known = [number for number in range(MOST + 5) if find(index, turn_of(str(number).encode(), array("f", [1.0])))]
    assert known == list(range(5, MOST + 5))


def test_memory_is_bounded_and_so_is_time() -> None:
    rng = random.Random(1)
    index = Neighbours(100_000, 60.0)
    for number in range(300):
        place = f"ws_{number % 7}", str(number % 31).encode()
        index.keep(place, turn(*(rng.gauss(0, 1) for _ in range(200))), str(number).encode(), "req", 0.0)
        assert index.size_bytes <= 100_000
    index = Neighbours(1_000_000, 60.0)
    index.keep(PLACE, turn(1, 0), b"a", "req_a", 0.0)
    assert find(index, turn(1, 0), now_s=59.0) is not None
    assert find(index, turn(1, 0), now_s=60.0) is None


def test_without_memory_nothing_is_known() -> None:
    index = Neighbours(0, 60.0)
    index.keep(PLACE, turn(1, 0), b"a", "req_a", 0.0)
    assert find(index, turn(1, 0)) is None


def test_among_many_the_nearest_is_found_although_few_are_looked_at_closely() -> None:
    rng = random.Random(3)
    index = Neighbours(100_000_000, 60.0)
    vectors = [unit([rng.gauss(0, 1) for _ in range(384)]) for _ in range(MOST)]
    for number, vector in enumerate(vectors):
        index.keep(PLACE, turn_of(MARKS, vector), str(number).encode(), f"req_{number}", 0.0)
    for number, vector in enumerate(vectors):
        near = unit([each + rng.gauss(0, 0.008) for each in vector])
        assert (find(index, turn_of(MARKS, near)) or ("",))[0] == f"req_{number}"


def test_no_scope_and_no_workspace_sees_the_turns_of_another() -> None:
    rng = random.Random(7)
    index = Neighbours(100_000_000, 60.0)
    owners: dict[str, tuple[str, bytes]] = {}
    for number in range(2_000):
        place = rng.choice(["ws_1", "ws_2", "ws_3"]), rng.choice([b"a", b"b", b"c"])
        index.keep(place, turn(1, rng.random() / 100), str(number).encode(), f"req_{number}", 0.0)
        owners[f"req_{number}"] = place
        asked = rng.choice(["ws_1", "ws_2", "ws_3", "ws_4"]), rng.choice([b"a", b"b", b"c"])
        match = index.find(asked, turn(1, 0), 0.9, any_answer, 0.0)
        assert match is None or owners[match.source] == asked
