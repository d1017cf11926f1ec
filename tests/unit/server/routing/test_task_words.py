"""The words that name tasks: written so that they can be found, and each once."""

import pytest

from server.routing.task_words import TASKS, Task


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_words_are_in_lower_case_and_begin_where_words_begin(task: Task) -> None:
    assert [word for word in task.words if word != word.lower()] == []
    assert [word for word in task.words if word[0] != " " and ord(word[0]) < 0x600] == []


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_words_that_begin_with_a_space_have_three_letters_to_be_found_by(task: Task) -> None:
    assert [word for word in task.words if word[0] == " " and len(word.strip().split(" ")[0]) < 3] == []


def test_no_word_stands_in_two_tasks() -> None:
    words = [word for task in TASKS for word in set(task.words)]
    assert len(words) == len(set(words))
