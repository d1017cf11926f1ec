"""Kept answers: bounded in bytes and in age, the ones used longest ago go first."""

import math

import pytest

from server.cache.kept import Answers, KeptAnswer, without_credential
from server.chat.deployment import Candidate, Deployment
from server.chat.usage import Usage

CANDIDATE = Candidate(Deployment("p", "ws_1", "openai", "https://x.example", "sk-secret"), "m")


def answer(size: int = 0, finish: str | None = "stop") -> KeptAnswer:
    return KeptAnswer(CANDIDATE, b"x" * size, Usage(), finish)


def test_an_answer_is_found_until_it_is_too_old() -> None:
    answers = Answers(1_000_000, ttl_s=60.0)
    kept = answer()
    assert answers.keep(("w", b"k"), kept, now_s=0.0)
    assert answers.find(("w", b"k"), 59.9, math.inf) is kept
    assert answers.find(("w", b"k"), 10.0, 5.0) is None
    assert answers.find(("w", b"k"), 5.0, 5.0) is kept
    assert answers.find(("w", b"other"), 0.0, math.inf) is None
    assert answers.find(("w", b"k"), 60.0, math.inf) is None
    assert (len(answers), answers.size_bytes) == (0, 0)


def test_the_bytes_are_bounded_and_what_was_used_longest_ago_goes() -> None:
    answers = Answers(40_000, ttl_s=60.0)
    for number in range(30):
        assert answers.keep(("w", bytes([number])), answer(1_000), 0.0)
        assert answers.find(("w", b"\x00"), 0.0, math.inf) is not None
        assert answers.size_bytes <= 40_000
    assert len(answers) == 40_000 // answer(1_000).size_bytes
    assert answers.find(("w", b"\x01"), 0.0, math.inf) is None


def test_a_workspace_that_asks_much_pushes_out_its_own_answers_only() -> None:
    answers = Answers(40_000, ttl_s=60.0)
    for number in range(3):
        answers.keep(("quiet", bytes([number])), answer(1_000), 0.0)
    for number in range(200):
        answers.keep(("loud", bytes([number])), answer(1_000), 0.0)
    assert all(answers.find(("quiet", bytes([number])), 0.0, math.inf) for number in range(3))
    assert answers.size_of("loud") + answers.size_of("quiet") == answers.size_bytes <= 40_000
    assert answers.size_of("loud") > 3 * answers.size_of("quiet"), "what others do not need is not held back"


def test_workspaces_that_all_ask_much_come_to_equal_shares() -> None:
    answers = Answers(60_000, ttl_s=60.0)
    for number in range(100):
        answers.keep(("first", bytes([number])), answer(1_000), 0.0)
    for number in range(100):
        for name in ("second", "third"):
            answers.keep((name, bytes([number])), answer(1_000), 0.0)
    sizes = [answers.size_of(name) for name in ("first", "second", "third")]
    assert max(sizes) - min(sizes) <= answer(1_000).size_bytes


def test_a_workspace_without_answers_leaves_nothing_behind() -> None:
    answers = Answers(40_000, ttl_s=60.0)
    answers.keep(("w", b"k"), answer(), 0.0)
    assert answers.find(("other", b"k"), 0.0, math.inf) is None
    assert answers.find(("w", b"k"), 61.0, math.inf) is None
    assert (answers.size_of("w"), answers.size_of("other"), answers.size_bytes) == (0, 0, 0)


def test_an_answer_takes_the_place_of_an_older_one() -> None:
    answers = Answers(1_000_000, ttl_s=60.0)
    answers.keep(("w", b"k"), answer(10), 0.0)
    answers.keep(("w", b"k"), answer(20), 50.0)
    assert len(answers) == 1
    assert answers.size_bytes == answer(20).size_bytes
    assert answers.find(("w", b"k"), 100.0, math.inf) is not None


@pytest.mark.parametrize(
    ("offered", "is_kept"),
    [
        pytest.param(answer(), True, id="a whole one"),
        pytest.param(answer(finish="length"), True, id="one as long as it was allowed to be"),
        pytest.param(answer(finish="tool_calls"), True, id="calls of tools"),
        pytest.param(answer(finish="content_filter"), False, id="one that was filtered"),
        pytest.param(answer(finish=None), False, id="one that did not say how it ended"),
        pytest.param(answer(100_000), False, id="one that would take too much of the memory"),
    ],
)
def test_only_whole_answers_of_a_decent_size_are_kept(offered: KeptAnswer, is_kept: bool) -> None:
    assert Answers(1_000_000, ttl_s=60.0).keep(("w", b"k"), offered, 0.0) is is_kept


def test_no_memory_keeps_nothing() -> None:
    assert not Answers(0, ttl_s=60.0).keep(("w", b"k"), answer(), 0.0)


def test_the_credential_is_taken_away() -> None:
    bare = without_credential(CANDIDATE)
    assert bare.deployment.api_key == ""
    assert (bare.model, bare.deployment.provider_id) == ("m", "p")
