"""Words of tasks and marks of code in one pass: the same class as word by word, whatever stands around them."""

import random

import pytest

from server.routing.complexity import Complexity, Features, classify, judge
from server.routing.task_scan import CODE_MARKS, SCANS, has_code, is_marked
from server.routing.task_words import RIGOUR, TASKS, Task
from tests.bench.complexity import labelled

PROMPTS = 20_000
ASCII_WORDS = [word for task in TASKS for word in task.words if word.isascii()]
FILLERS = (
    "prov",
    "improve",
    "the",
    "analysis?",
    "Über",
    "naïve",
    "K",
    "",
    "x",
    "re-view",
    "plan\t",
    "(explain)",
    "证明",
)
BETWEEN = (" ", " ", " ", "\n", "  ", ".", "\r\n", " \n", "\x00", "\t")


def _random_text(chance: random.Random) -> str:
    pieces: list[str] = []
    for _ in range(chance.randrange(1, 40)):
        word = chance.choice((*FILLERS, *FILLERS, *FILLERS, chance.choice(ASCII_WORDS), chance.choice(CODE_MARKS)))
        word = word.strip() if chance.random() < 0.5 else word
        word = chance.choice((str.lower, str.upper, str.title, str))(word)
        pieces += (word[: chance.randrange(1, 30)], chance.choice(BETWEEN))
    return "".join(pieces)


def test_classes_of_random_prompts_are_those_of_the_whole_judgement() -> None:
    chance = random.Random(17)
    seen = set()
    for _ in range(PROMPTS):
        tokens, turns, tools = chance.choice((9, 200, 2_000, 9_000)), chance.randrange(1, 14), chance.randrange(10)
        text = _random_text(chance)
        features = Features(text, tokens, chance.choice((1, turns)), chance.choice((0, tools)))
        level = classify(features)
        assert level is judge(features).level, text
        seen.add((level, text.isascii()))
    assert len(seen) == 2 * len(Complexity)


@pytest.mark.parametrize("prefix", ["", "Now ", "Now\n"], ids=["alone", "after a word", "on a line of its own"])
def test_classes_of_labelled_prompts_are_those_of_the_whole_judgement(prefix: str) -> None:
    for prompt in labelled():
        features = Features(prefix + prompt.text, prompt.features.prompt_tokens, prompt.turns, prompt.tools)
        assert classify(features) is judge(features).level, prompt.text


@pytest.mark.parametrize("task", TASKS, ids=[task.name for task in TASKS])
def test_every_ascii_word_of_a_task_is_found_in_any_case_where_a_word_begins(task: Task) -> None:
    (stands_in,) = [scan for of, scan in SCANS if of is task]
    for word in filter(str.isascii, task.words):
        for text in (word[1:] + " x", f"A{word.upper()} x", f"a\n{word[1:].title()}\nx", f"x {word[1:]}".ljust(40)):
            assert stands_in(text), text
            assert is_marked(text), text
        assert not stands_in("zz" + word[1:].replace(" ", "\n").split("\n")[0])


@pytest.mark.parametrize("mark", CODE_MARKS)
def test_marks_of_code_are_found_as_they_are_written(mark: str) -> None:
    assert has_code(f"see{mark}x")
    assert is_marked(f"see{mark}x")
    assert not has_code(mark.swapcase()) or not any(map(str.isalpha, mark))


def test_nothing_is_found_where_nothing_stands() -> None:
    assert not is_marked("Improve it, though: what is the capital of France?")
    assert not has_code("")


@pytest.mark.parametrize("task", TASKS, ids=[task.name for task in TASKS])
def test_further_words_of_a_task_change_no_class_that_its_first_word_has_given(task: Task) -> None:
    first = judge(Features(f"x{task.words[0]}x", 0, 1, 0))
    highest = Complexity.EXPERT if task is RIGOUR else Complexity.COMPLEX
    assert task.more == 0 or first.level is highest
