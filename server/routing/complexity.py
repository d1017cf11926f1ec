"""How demanding a conversation is: `simple`, `moderate`, `complex` or `expert`.

Pure and cheap: points for the length of the prompt, code, words that name a task, depth of the conversation and tools.
The rules are data; the thresholds were set on labelled prompts, see the tests.
"""

from dataclasses import dataclass
from enum import Enum


class Complexity(Enum):
    """The four classes, the least demanding first."""

    SIMPLE = "simple"
    MODERATE = "moderate"
    COMPLEX = "complex"
    EXPERT = "expert"


@dataclass(frozen=True, slots=True)
class Features:
    """What is known of a conversation.

    `text` is what the last user message says, at most its first 4,000 characters. `prompt_tokens` counts the whole
    conversation, `turns` its messages but for system ones, `tools` the tools offered.
    """

    text: str
    prompt_tokens: int
    turns: int
    tools: int


_TOKEN_POINTS = ((6000, 4), (2000, 3), (600, 2), (150, 1))
_TURN_POINTS = ((12, 2), (5, 1))
_CODE_MARKS = ("```", "def ", "class ", "function ", "#include", "SELECT ", "import ", "=> ", "Traceback", "();")
_TASK_WORDS = (
    (("prove", "theorem", "derive", "formal proof", "complexity class", "distributed consensus"), 5),
    (("architecture", "design a system", "refactor", "optimi", "debug", "concurren", "security review", "migrate"), 3),
    (("analy", "compare", "evaluate", "implement", "write a program", "algorithm", "step by step", "trade-off"), 2),
    (("explain", "summar", "translate", "rewrite", "describe", "write a", "outline"), 1),
)
_THRESHOLDS = ((7, Complexity.EXPERT), (4, Complexity.COMPLEX), (1, Complexity.MODERATE))


def _points(value: int, table: tuple[tuple[int, int], ...]) -> int:
    for least, points in table:
        if value >= least:
            return points
    return 0


def _holds_any(text: str, parts: tuple[str, ...]) -> bool:
    for part in parts:  # noqa: SIM110 - a generator costs three times as much, on every request
        if part in text:
            return True
    return False


def classify(features: Features) -> Complexity:
    """The class of a conversation. The same features always give the same class."""
    text = features.text[:4000]
    lowered = text.lower()
    score = _points(features.prompt_tokens, _TOKEN_POINTS) + _points(features.turns, _TURN_POINTS)
    for words, points in _TASK_WORDS:
        if _holds_any(lowered, words):
            score += points
    if _holds_any(text, _CODE_MARKS):
        score += 2
    if features.tools:
        score += 1 if features.tools < 5 else 2
    for least, level in _THRESHOLDS:
        if score >= least:
            return level
    return Complexity.SIMPLE
