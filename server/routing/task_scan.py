"""Which words of tasks and marks of code stand in a text of nothing but ASCII: one pass, without splitting it.

Says the same as looking for each word by itself, on the text in lower case with line breaks as spaces; with words that
are not ASCII it has nothing to do. The expressions are compiled to automata that take a few instructions for each
character and never go back. Pure.
"""

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, TypeAlias

from pydantic_core import SchemaValidator

from server.routing.task_words import TASKS, Task

if TYPE_CHECKING:  # these types alone take a megabyte
    from pydantic_core.core_schema import StringSchema

StandsIn: TypeAlias = Callable[[str], bool]
"""Whether what was asked for stands in a text."""

CODE_MARKS: Final = ("```", "def ", "class ", "function(", "#include", "SELECT ", "import ", "=> ", "Traceback", "();")
"""What shows that a text has code in it, in upper and lower case as here."""


def _expression(words: Iterable[str]) -> str:
    """For the words of tasks, of which each begins with a space: that of a text's beginning may be left out."""
    spaced = ["[ \n]".join(map(re.escape, word[1:].split(" "))) for word in words if word.isascii()]
    return f"(?i-u:(?:^|[ \n])(?:{'|'.join(spaced)}))"


def _compiled(expression: str) -> StandsIn:
    # Of pydantic only its core, which has the compiler. Python's own expressions go back at every word, and take ten
    # times as long.
    schema: StringSchema = {"type": "str", "pattern": expression, "regex_engine": "rust-regex", "strict": True}
    stands_in: StandsIn = SchemaValidator(schema).isinstance_python
    return stands_in


_CODE: Final = "|".join(" ".join(map(re.escape, mark.split(" "))) for mark in CODE_MARKS)

is_marked: Final = _compiled(f"{_expression(word for task in TASKS for word in task.words)}|{_CODE}")
"""Whether any word of a task or any mark of code stands in an ASCII text: of most there is none."""

has_code: Final = _compiled(_CODE)
"""Whether a mark of code stands in a text."""

SCANS: Final[tuple[tuple[Task, StandsIn], ...]] = tuple((task, _compiled(_expression(task.words))) for task in TASKS)
"""For every kind of task whether one of its words stands in an ASCII text."""
