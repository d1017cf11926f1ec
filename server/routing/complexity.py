"""How demanding a conversation is: `simple`, `moderate`, `complex` or `expert`.

Pure and cheap: points for the length of the prompt, code, words that name a task, depth of the conversation and tools.
The rules are data, see `task_words`; thresholds were set on labelled prompts, whose confusion table
`python -m tests.bench.complexity` prints.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from msgspec import Struct

from server.routing.task_words import RIGOUR, TASKS, Task


class Complexity(Enum):
    """The four classes, the least demanding first."""

    SIMPLE = "simple"
    MODERATE = "moderate"
    COMPLEX = "complex"
    EXPERT = "expert"


class Features(Struct, frozen=True):
    """What is known of a conversation.

    `text` is what the last user message says, of a long one its beginning and its end. `prompt_tokens` counts the whole
    conversation, `turns` its messages but for system ones, `tools` the tools offered.
    """

    text: str
    prompt_tokens: int
    turns: int
    tools: int


class Points(Struct, frozen=True):
    """What one rule gave, and what it saw."""

    rule: str
    points: int
    because: str


class Judgement(Struct, frozen=True):
    """The class of a conversation and how it was found."""

    level: Complexity
    score: int
    points: tuple[Points, ...]


# Pairs of a least value and the points that it gives, the highest first.
_PROMPT_TOKENS: Final = ((6000, 3), (1500, 2), (150, 1))
_ASKED_CHARACTERS: Final = ((300, 3), (80, 2))
_TURNS: Final = ((12, 2), (6, 1))
_TOOLS: Final = ((8, 2), (3, 1))
_CODE_MARKS: Final = ("```", "def ", "class ", "function(", "#include", "SELECT ", "import ", "=> ", "Traceback", "();")
_CODE_POINTS: Final = 2
_MOST_WITHOUT_RIGOUR: Final = 8
"""Length, depth and tools alone never make an expert's question of one."""
_THRESHOLDS: Final = ((9, Complexity.EXPERT), (5, Complexity.COMPLEX), (2, Complexity.MODERATE))

_BEGINNING: Final = 3
_WORDS: Final = tuple(dict.fromkeys(word for task in TASKS for word in task.words))
_WITHOUT_SPACES: Final = tuple(word for word in _WORDS if word[0] != " ")
_BY_BEGINNING: Final[Mapping[str, tuple[str, ...]]] = {
    beginning: tuple(word for word in _WORDS if word[0] == " " and word[1 : 1 + _BEGINNING] == beginning)
    for beginning in {word[1 : 1 + _BEGINNING] for word in _WORDS if word[0] == " "}
}


def judge(features: Features) -> Judgement:
    """The class of a conversation with its points. The same features always give the same answer."""
    text = features.text
    found = [
        _from_table("prompt length", features.prompt_tokens, _PROMPT_TOKENS, "tokens"),
        _from_table("length of the question", len(text), _ASKED_CHARACTERS, "characters"),
        _from_table("depth", features.turns, _TURNS, "messages"),
        _from_table("tools", features.tools, _TOOLS, "tools"),
    ]
    # A space before a word stands for its beginning.
    lowered = " " + text.lower().replace("\n", " ")
    words = _words_in(lowered)
    if words:
        found += [_from_words(task, words) for task in TASKS]
    mark = next((mark for mark in _CODE_MARKS if mark in text), None)
    if mark is not None:
        found.append(Points("code", _CODE_POINTS, mark.strip()))
    points = tuple(item for item in found if item is not None)
    score = sum(item.points for item in points)
    if not any(item.rule == RIGOUR.name for item in points):
        score = min(score, _MOST_WITHOUT_RIGOUR)
    level = next((level for least, level in _THRESHOLDS if score >= least), Complexity.SIMPLE)
    return Judgement(level, score, points)


def classify(features: Features) -> Complexity:
    """The class of a conversation."""
    return judge(features).level


def _from_table(rule: str, value: int, table: tuple[tuple[int, int], ...], unit: str) -> Points | None:
    for least, points in table:
        if value >= least:
            return Points(rule, points, f"{value} {unit}")
    return None


def _words_in(lowered: str) -> set[str]:
    """The words of all tasks that stand in a text. Only those are looked for whose first letters begin a word of it."""
    beginnings = {word[:_BEGINNING] for word in set(lowered.split(" "))}
    candidates = [word for beginning in _BY_BEGINNING.keys() & beginnings for word in _BY_BEGINNING[beginning]]
    if not lowered.isascii():
        candidates += _WITHOUT_SPACES
    return {word for word in candidates if word in lowered}


def _from_words(task: Task, words: set[str]) -> Points | None:
    """The points of a kind of task: more for the first of its words than for the others, up to its bound."""
    hits = [word for word in task.words if word in words]
    if not hits:
        return None
    points = min(task.most, task.first + task.more * (len(hits) - 1))
    return Points(task.name, points, ", ".join(word.strip() for word in hits[:4]))
