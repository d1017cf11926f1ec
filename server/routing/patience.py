"""How long an upstream is waited for: limits by what is asked of it, and by what kind of model. Pure.

A stream must begin soon, later if the model reasons before it speaks or has a long prompt to read; an answer in one
piece must be whole within its limit. All of it ends with the deadline of the request.
"""

from dataclasses import dataclass, field
from typing import Final

from msgspec import UNSET

from server.chat.model_facts import ModelFacts
from server.chat.prompt_tokens import Tokens
from server.chat.view import ChatView
from server.chat.wire import Timeouts

SOON_READ_TOKENS: Final = 8_000
"""A prompt up to here is read without being noticed."""

READ_TOKENS_PER_S: Final = 2_000.0

_NO_EFFORT: Final = frozenset({"none", "minimal"})


@dataclass(frozen=True, slots=True)
class Patience:
    """The limits, in seconds.

    `connect_s` until a connection stands. `first_token_s` until the first content of a stream,
    `reasoning_first_token_s` of one by a model that reasons. `answer_s` until an answer that is not streamed is whole,
    `reasoning_answer_s` one by a model that reasons. `idle_s` between two pieces of a stream that say something.
    """

    connect_s: float = 3.0
    first_token_s: float = 10.0
    reasoning_first_token_s: float = 120.0
    answer_s: float = 120.0
    reasoning_answer_s: float = 600.0
    idle_s: float = 30.0
    _whole: tuple[Timeouts, Timeouts] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Those of an answer in one piece that has time enough, by whether the model reasons.
        usual, long = self.answer_s, self.reasoning_answer_s
        whole = [Timeouts(self.connect_s, limit_s, self.idle_s, limit_s) for limit_s in (usual, long)]
        object.__setattr__(self, "_whole", tuple(whole))

    def limits(self, is_stream: bool, is_reasoning: bool, prompt_tokens: Tokens, left_s: float) -> Timeouts:
        """The limits of one call with `left_s` seconds left for its request."""
        if is_stream:
            first_s = self.reasoning_first_token_s if is_reasoning else self.first_token_s
            if prompt_tokens > SOON_READ_TOKENS:
                first_s += (int(prompt_tokens) - SOON_READ_TOKENS) / READ_TOKENS_PER_S
            return Timeouts(self.connect_s, first_s, self.idle_s, left_s)
        whole = self._whole[is_reasoning]
        answer_s = whole.total_s
        return whole if answer_s <= left_s else Timeouts(self.connect_s, answer_s, self.idle_s, left_s)


def reasons(view: ChatView, facts: ModelFacts) -> bool:
    """Whether a model will reason before it speaks, by what is known of it and by what the request says."""
    effort, thinking = view.reasoning_effort, view.thinking
    if effort is UNSET and thinking is UNSET:
        return facts.reasons
    if thinking:
        return thinking.type != "disabled"
    if isinstance(effort, str):
        return effort not in _NO_EFFORT
    return facts.reasons
