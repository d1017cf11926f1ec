"""The labelled prompts: enough of them, of each class, and the rules agree with most."""

import random
from collections import Counter

from server.routing.complexity import Complexity
from tests.bench.complexity import LEVELS, accuracy, compared, confusion, labelled

PROMPTS = labelled()
TABLE = confusion(PROMPTS)


def test_there_are_at_least_200_prompts_of_every_class() -> None:
    counted = Counter(prompt.level for prompt in PROMPTS)
    assert len(PROMPTS) >= 200
    assert min(counted[level] for level in Complexity) >= 40
    assert len({(prompt.text, prompt.turns) for prompt in PROMPTS}) == len(PROMPTS)


def test_the_rules_agree_with_the_labels() -> None:
    assert accuracy(TABLE) >= 0.9
    assert accuracy(confusion([prompt for prompt in PROMPTS if prompt.held_out])) >= 0.8
    assert all(TABLE[label, label] / sum(TABLE[label, given] for given in LEVELS) >= 0.85 for label in LEVELS)


def test_nothing_is_off_by_more_than_one_class() -> None:
    off = [pair for pair in TABLE if abs(LEVELS.index(pair[0]) - LEVELS.index(pair[1])) > 1]
    assert off == []


def test_auto_costs_less_than_the_best_model_and_fits_better_than_chance() -> None:
    auto, best, chance = compared("openai", PROMPTS, random.Random(7))
    assert auto.nanousd < best.nanousd
    assert auto.adequate > 0.95
    assert auto.adequate > chance.adequate
