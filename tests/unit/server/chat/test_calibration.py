"""What the estimator learns."""

from collections.abc import Sequence

import pytest

from server.chat.calibration import LEARNT_CALLS, MOST_GAP, Calibration, Kind, family_of
from server.chat.prompt_tokens import PromptTokens, Tokens
from server.chat.request import parse_chat_request
from server.chat.usage import Usage


def taught(*reported: int, estimated: int = 100, model: str = "m") -> Calibration:
    calibration = Calibration()
    for tokens in reported:
        calibration.learn("p", model, Kind.PROMPT, estimated, tokens)
    return calibration


def test_nothing_learnt_changes_nothing() -> None:
    assert Calibration().ratio("p", "m", Kind.PROMPT) == 1.0
    assert Calibration().corrected("p", "m", Kind.PROMPT, 123) == 123


def test_the_first_calls_weigh_alike() -> None:
    assert taught(150).ratio("p", "m", Kind.PROMPT) == pytest.approx(1.5)
    assert taught(150, 130, 110).ratio("p", "m", Kind.PROMPT) == pytest.approx(1.3)


def test_what_was_long_ago_is_forgotten() -> None:
    calibration = taught(*[300] * 50, *[120] * 200)
    assert calibration.ratio("p", "m", Kind.PROMPT) == pytest.approx(1.2, abs=0.01)


def test_it_comes_near_a_constant_truth() -> None:
    assert taught(*[137] * 10).corrected("p", "m", Kind.PROMPT, 1000) == 1370


def test_families_and_kinds_and_providers_are_apart() -> None:
    calibration = taught(200, model="claude-x-20250929")
    assert calibration.ratio("p", "claude-x-20261001", Kind.PROMPT) == 2.0
    assert calibration.ratio("p", "claude-y", Kind.PROMPT) == 1.0
    assert calibration.ratio("p", "claude-x", Kind.ANSWER) == 1.0
    assert calibration.ratio("q", "claude-x", Kind.PROMPT) == 1.0


@pytest.mark.parametrize(("reported", "ratio"), [(1, 0.1), (10_000_000, 10.0)])
def test_no_call_says_that_it_is_off_without_bound(reported: int, ratio: float) -> None:
    assert taught(reported).ratio("p", "m", Kind.PROMPT) == pytest.approx(ratio)


@pytest.mark.parametrize(("estimated", "reported"), [(0, 5), (5, 0), (-1, 5), (5, -1)])
def test_counts_of_nothing_teach_nothing(estimated: int, reported: int) -> None:
    assert taught(reported, estimated=estimated).ratio("p", "m", Kind.PROMPT) == 1.0


def test_something_stays_something_and_nothing_nothing() -> None:
    calibration = taught(10)
    assert calibration.corrected("p", "m", Kind.PROMPT, 1) == 1
    assert calibration.corrected("p", "m", Kind.PROMPT, 0) == 0


def test_names_that_nobody_has_do_not_fill_the_memory() -> None:
    calibration = Calibration(max_families=3)
    for number in range(10):
        calibration.learn("p", f"m{number}", Kind.PROMPT, 100, 200)
        calibration.learn("p", "used", Kind.PROMPT, 100, 300)
    assert len(calibration._ratios) == 3
    assert calibration.ratio("p", "used", Kind.PROMPT) == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("model", "family"),
    [
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("claude-opus-4-1@20250805", "claude-opus-4-1"),
        ("gemini-2.5-flash", "gemini-2.5-flash"),
        ("moonshotai/Kimi-K3", "moonshotai/Kimi-K3"),
    ],
)
def test_a_family_is_a_model_without_the_date_of_its_snapshot(model: str, family: str) -> None:
    assert family_of(model) == family


def due(calibration: Calibration, calls: int, tokens: Tokens = 0, *, reported: Sequence[int] = (120,)) -> list[int]:
    """Which of the next calls are learnt from; the first is 1. Answers come to so many tokens, in turns."""
    found: list[int] = []
    for call in range(1, calls + 1):
        if calibration.is_due("p", "m", Kind.ANSWER, tokens):
            usage = Usage(120, output_tokens=reported[len(found) % len(reported)])
            calibration.learn_call("p", "m", Kind.ANSWER, (100, 100), usage)
            found.append(call)
    return found


def known() -> Calibration:
    calibration = Calibration()
    assert due(calibration, LEARNT_CALLS) == [*range(1, LEARNT_CALLS + 1)]
    return calibration


def long_prompt() -> PromptTokens:
    return PromptTokens(parse_chat_request(b'{"messages":[{"role":"user","content":"%b"}]}' % (b"word " * 10_000)))


def test_the_first_calls_of_a_family_are_all_learnt_from() -> None:
    calibration = known()
    assert not calibration.is_due("p", "m", Kind.ANSWER)
    assert calibration.is_due("p", "other", Kind.ANSWER)


def test_later_calls_are_learnt_from_the_more_seldom_the_less_they_say() -> None:
    calibration = known()
    found = due(calibration, 2_500)
    assert found == [64, 64 + 128, 64 + 128 + 256, *range(64 + 128 + 256 + MOST_GAP, 2_501, MOST_GAP)]
    assert calibration.ratio("p", "m", Kind.ANSWER) == pytest.approx(1.2)


def test_of_calls_that_say_something_new_every_32nd_is_learnt_from() -> None:
    calibration = Calibration()
    due(calibration, LEARNT_CALLS, reported=(60, 180))
    assert due(calibration, 128, reported=(60, 180)) == [32, 64, 96, 128]


def test_a_prompt_that_says_something_new_is_enough() -> None:
    calibration = known()
    calibration.learn_call("p", "m", Kind.ANSWER, (100, 100), Usage(300, output_tokens=120))
    assert due(calibration, 40) == [32]


def test_what_changes_is_noticed_and_followed() -> None:
    calibration = known()
    due(calibration, 5_000)
    assert len(due(calibration, 3_000, reported=(400,))) > 40
    assert calibration.ratio("p", "m", Kind.ANSWER) == pytest.approx(4.0, rel=0.2)


def test_of_calls_that_are_dear_to_count_every_64th_is_learnt_from() -> None:
    calibration = Calibration()
    due(calibration, LEARNT_CALLS, reported=(60, 180))
    assert due(calibration, 192, long_prompt(), reported=(60, 180)) == [64, 128, 192]


def test_calls_that_teach_nothing_are_asked_for_as_seldom() -> None:
    calibration = known()
    calibration.learn_call("p", "m", Kind.ANSWER, (0, 0), Usage())
    assert not calibration.is_due("p", "m", Kind.ANSWER)
