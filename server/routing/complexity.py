"""How demanding a conversation is: `simple`, `moderate`, `complex` or `expert`.

Pure and cheap: points for the length of the prompt, code, words that name a task, depth of the conversation and tools.
The rules are data, see `task_words`; thresholds were set on labelled prompts, whose confusion table
`python -m tests.bench.complexity` prints.
"""

import math
from collections.abc import Mapping
from enum import Enum
from operator import itemgetter
from typing import Final

from msgspec import Struct

from server.chat.prompt_tokens import Tokens, most_of
from server.routing.task_scan import CODE_MARKS, SCANS, has_code, is_marked
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
    prompt_tokens: Tokens
    turns: int
    tools: int


class Points(Struct, frozen=True):
    """What one rule gave, and what it saw."""

    rule: str
    points: int
    because: str


class Judgement(Struct, frozen=True):
    """The class of a conversation and how it was found. `words` are those that name its task."""

    level: Complexity
    score: int
    features: Features
    words: frozenset[str]

    @property
    def points(self) -> tuple[Points, ...]:
        """What each rule gave, as far as it gave anything. Written down only when somebody asks."""
        features = self.features
        found = [
            Points(rule, points, f"{value} {unit}")
            for rule, value, table, unit in _measures(features)
            if (points := _from_table(value, table))
        ]
        found += [
            Points(task.name, points, ", ".join([word.strip() for word in task.words if word in self.words][:_SHOWN]))
            for task in TASKS
            if (points := _from_words(task, self.words))
        ]
        mark = _code_mark(features.text)
        return (*found, Points("code", _CODE_POINTS, mark.strip())) if mark else tuple(found)


# Pairs of a least value and the points that it gives, the highest first.
_PROMPT_TOKENS: Final = ((6000, 3), (1500, 2), (150, 1))
_ASKED_CHARACTERS: Final = ((300, 3), (80, 2))
_TURNS: Final = ((12, 2), (6, 1))
_TOOLS: Final = ((8, 2), (3, 1))
MANY_TURNS: Final = _TURNS[-1][0]
"""Fewer turns give no points."""
_CODE_POINTS: Final = 2
_MOST_WITHOUT_RIGOUR: Final = 8
"""Length, depth and tools alone never make an expert's question of one."""
_THRESHOLDS: Final = ((9, Complexity.EXPERT), (5, Complexity.COMPLEX), (2, Complexity.MODERATE))

_BEGINNING: Final = 3
_begin: Final = itemgetter(slice(_BEGINNING))
_SHOWN: Final = 4
_WORDS: Final = tuple(dict.fromkeys(word for task in TASKS for word in task.words))
_WITHOUT_SPACES: Final = tuple(word for word in _WORDS if word[0] != " ")
_OF_TASK: Final[Mapping[str, frozenset[str]]] = {task.name: frozenset(task.words) for task in TASKS}
_NO_WORDS: Final[frozenset[str]] = frozenset()
_BY_BEGINNING: Final[Mapping[str, tuple[str, ...]]] = {
    beginning: tuple(word for word in _WORDS if word[0] == " " and word[1 : 1 + _BEGINNING] == beginning)
    for beginning in {word[1 : 1 + _BEGINNING] for word in _WORDS if word[0] == " "}
}
_BEGINNINGS: Final = frozenset(_BY_BEGINNING)


def judge(features: Features) -> Judgement:
    """The class of a conversation with its points. The same features always give the same answer."""
    score, words, has_rigour = _weighed(features.text)
    score += _measured(features) + _from_table(int(features.prompt_tokens), _PROMPT_TOKENS)
    if not has_rigour:
        score = min(score, _MOST_WITHOUT_RIGOUR)
    return Judgement(_level(score, has_rigour), score, features, words)


def classify(features: Features) -> Complexity:
    """The class of a conversation: that of `judge`. Tokens are not counted where their bounds tell enough."""
    tokens = features.prompt_tokens
    return class_of(features.text, _measured(features), tokens, most_of(tokens))


def class_of(text: str, score: int, tokens: Tokens, most_tokens: float) -> Complexity:
    """The same: `score` are the points of what is measured, but for the prompt's length.

    `tokens` is the whole prompt's number, which is at most `most_tokens`.
    """
    has_rigour = False
    if not text.isascii():
        more, _, has_rigour = _weighed(text)
        score += more
    elif is_marked(text):
        more, has_rigour = _scanned(text)
        score += more
    elif most_tokens < _UNMARKED_UP_TO[score]:
        return _UNMARKED[score]  # as most are: nothing in it names a task, and its length makes no difference
    level = _level(score, has_rigour)
    highest = _level(score + _from_table(most_tokens, _PROMPT_TOKENS), has_rigour)
    for least, given in reversed(_PROMPT_TOKENS):
        if level is highest:
            break
        higher = _level(score + given, has_rigour)
        if higher is level:
            continue  # where it makes no difference, nobody needs to know
        if tokens < least:
            break
        level = higher
    return level


def _level(score: int, has_rigour: bool) -> Complexity:
    if not has_rigour and score > _MOST_WITHOUT_RIGOUR:
        score = _MOST_WITHOUT_RIGOUR
    for least, level in _THRESHOLDS:
        if score >= least:
            return level
    return Complexity.SIMPLE


_UNMARKED: Final = tuple([_level(score, False) for score in range(_MOST_WITHOUT_RIGOUR + _PROMPT_TOKENS[0][1] + 1)])
"""The classes by points of texts that name no task and hold no code."""
_UNMARKED_UP_TO: Final = tuple(
    [
        min([least for least, points in _PROMPT_TOKENS if _level(score + points, False) is not level], default=math.inf)
        for score, level in enumerate(_UNMARKED)
    ]
)
"""Below how many tokens the prompt's length leaves that class as it is."""


def _scanned(text: str) -> tuple[int, bool]:
    """What `_weighed` says of an ASCII text in which something is marked, as far as the class hangs on it.

    Of a task only whether a word of it stands there counts: further words give points to none whose first word does not
    give the highest class that it can come to.
    """
    score, has_rigour = 0, False
    for task, stands_in in SCANS:
        if stands_in(text):
            score += task.first
            has_rigour = has_rigour or task is RIGOUR
    if has_code(text):
        score += _CODE_POINTS
    return score, has_rigour


def _weighed(text: str) -> tuple[int, frozenset[str], bool]:
    """The points for what a text says, the words in it that name a task, and whether they demand rigour."""
    score = 0
    # A space before a word stands for its beginning.
    words = _words_in(" " + text.lower().replace("\n", " "))
    has_rigour = False
    if words:
        for task in TASKS:
            points = _from_words(task, words)
            score += points
            has_rigour = has_rigour or (points > 0 and task is RIGOUR)
    if _code_mark(text):
        score += _CODE_POINTS
    return score, words, has_rigour


def asked_points(characters: int) -> int:
    """The points for the length of the question."""
    return _from_table(characters, _ASKED_CHARACTERS)


def _measured(features: Features) -> int:
    """The points for the length of the question, the depth of the conversation and its tools."""
    turns, tools = features.turns, features.tools
    score = asked_points(len(features.text))
    if turns >= _TURNS[-1][0]:
        score += _from_table(turns, _TURNS)
    if tools >= _TOOLS[-1][0]:
        score += _from_table(tools, _TOOLS)
    return score


def _measures(features: Features) -> tuple[tuple[str, int, tuple[tuple[int, int], ...], str], ...]:
    """What is measured of a conversation: the rule, the value, its table and the unit."""
    return (
        ("prompt length", int(features.prompt_tokens), _PROMPT_TOKENS, "tokens"),
        ("length of the question", len(features.text), _ASKED_CHARACTERS, "characters"),
        ("depth", features.turns, _TURNS, "messages"),
        ("tools", features.tools, _TOOLS, "tools"),
    )


def _from_table(value: float, table: tuple[tuple[int, int], ...]) -> int:
    for least, points in table:
        if value >= least:
            return points
    return 0


def _code_mark(text: str) -> str:
    """The first of the marks of code that stands in a text, empty if none does."""
    for mark in CODE_MARKS:
        if mark in text:
            return mark
    return ""


def _words_in(lowered: str) -> frozenset[str]:
    """The words of all tasks that stand in a text. Only those are looked for whose first letters begin a word of it."""
    # In one step of C for each word, because prompts have many.
    beginnings = _BEGINNINGS.intersection(map(_begin, set(lowered.split(" "))))
    candidates = [word for beginning in beginnings for word in _BY_BEGINNING[beginning]]
    if not lowered.isascii():
        candidates += _WITHOUT_SPACES
    if not candidates:
        return _NO_WORDS
    found = [word for word in candidates if word in lowered]
    return frozenset(found) if found else _NO_WORDS


def _from_words(task: Task, words: frozenset[str]) -> int:
    """The points of a kind of task: more for the first of its words than for the others, up to its bound."""
    hits = len(words & _OF_TASK[task.name])
    return min(task.most, task.first + task.more * (hits - 1)) if hits else 0
