"""What differs between vendors that speak OpenAI's dialect, as data: a row of the registry fills in what is its own.

The defaults are those of a vendor that takes what OpenAI documents and nothing else.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from msgspec import UNSET, Struct

from server.chat.view import ChatView

Member: TypeAlias = Literal["cache_control", "extra_content", "reasoning_details", "top_k"]
"""A member beyond OpenAI's that a vendor may take as it is."""
ThinkingForm: TypeAlias = Literal["none", "effort", "thinking", "reasoning", "reasoning_enabled", "enable_thinking"]
"""How a vendor is told to reason: not at all; `reasoning_effort`; `thinking: {"type"}`; `reasoning: {"max_tokens"}`;
`reasoning: {"enabled"}`; `enable_thinking` with a `thinking_budget`."""
ReasoningBack: TypeAlias = Literal["never", "with_calls", "always"]
"""Whether a vendor gets the reasoning of earlier answers back: never; once tools have been called, when it has to stand
in every answer; always."""

PARTS: Final = frozenset({"text", "image_url", "input_audio", "file", "refusal"})
"""OpenAI's own types of content parts."""
MEDIA: Final = PARTS | {"video_url", "audio_url", "file_url"}
"""And those that servers of open models have beside them."""
TOOLS: Final = ("function", "custom")
"""OpenAI's own types of tools."""

_LIMITS: Final = frozenset({"max_tokens", "max_completion_tokens"})
_LOOKED_AT: Final = _LIMITS | {"thinking", "top_k", "betas", "cache_control", "tools"}


class UsageForm(Struct, frozen=True):
    """Where a vendor's usage is unlike OpenAI's.

    `places` are where it stands when it is not in `usage`, as paths (`x_groq.usage`; `choices.0.usage`). `moved` are
    counts that belong to its details: their name and the path where OpenAI has them. With `adds_reasoning` the tokens
    of reasoning may be missing from those of the completion, which the total tells.
    """

    places: tuple[str, ...] = ()
    moved: tuple[tuple[str, str], ...] = ()
    adds_reasoning: bool = False


@dataclass(frozen=True, slots=True)
class Vendor:
    """What a vendor takes and says.

    Requests: `takes_stream_options` is false where the member is refused and usage is reported anyway. `renamed` are
    members that the vendor knows by another name, as pairs. `left_out` are members of OpenAI's that it refuses, `takes`
    those beyond OpenAI's that it takes. `limit` is the one name that it has for the longest answer, empty where both
    are taken; models that begin with one of `old_limit_models` take both, and do not reason. `parts` are the types of
    content parts that it takes, `tools` what the types of its tools begin with, `developer` its word for that role.
    `effort_off` says by which effort a model does not reason, by what its name begins with; empty where none is known.

    Answers: `reasoning_name` is how it calls the text of the reasoning, `usage` where its usage is unlike OpenAI's,
    `check_path` what only a valid key may GET.
    """

    takes_stream_options: bool = True
    renamed: tuple[tuple[str, str], ...] = ()
    left_out: tuple[str, ...] = ()
    takes: frozenset[Member] = frozenset()
    limit: Literal["", "max_tokens", "max_completion_tokens"] = ""
    old_limit_models: tuple[str, ...] = ()
    parts: frozenset[str] = PARTS
    tools: tuple[str, ...] = TOOLS
    developer: Literal["developer", "system"] = "system"
    takes_names: bool = True
    thinking: ThinkingForm = "effort"
    effort_off: tuple[tuple[str, str], ...] = ()
    reasoning_back: ReasoningBack = "never"
    reasoning_name: str = "reasoning_content"
    usage: UsageForm | None = None
    check_path: str = "/models"
    looked_at: frozenset[str] = field(init=False, repr=False, compare=False)
    renames_limit: bool = field(init=False, repr=False, compare=False)
    takes_usual: bool = field(init=False, repr=False, compare=False)
    answers_as_usual: bool = field(init=False, repr=False, compare=False)
    odd_of: Callable[[object], tuple[object, ...]] = field(init=False, repr=False, compare=False)
    none_odd: tuple[object, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        names = {old for old, _ in self.renamed} | set(self.left_out)
        object.__setattr__(self, "looked_at", _LOOKED_AT | names)
        # Of a request's view those that are looked at, but for the bounds of the answer; all unset as a rule.
        odd = sorted((_LOOKED_AT | names).intersection(ChatView.__struct_fields__) - _LIMITS)
        object.__setattr__(self, "odd_of", attrgetter(*odd))
        object.__setattr__(self, "none_odd", (UNSET,) * len(odd))
        renames_limit = not names.isdisjoint(_LIMITS)
        object.__setattr__(self, "renames_limit", renames_limit)
        # Of a request without members that are odd nothing has to change but for the name of its bound.
        takes_usual = self.takes_stream_options and not renames_limit
        object.__setattr__(self, "takes_usual", takes_usual)
        answers_as_usual = self.usage is None and self.reasoning_name == "reasoning_content"
        object.__setattr__(self, "answers_as_usual", answers_as_usual)


FINISH_REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(
            ("eos", "eos_token", "stop_token", "stop_sequence", "end_turn", "complete", "completed"), "stop"
        ),
        **dict.fromkeys(
            ("max_tokens", "model_length", "max_length", "context_length", "model_context_window_exceeded"), "length"
        ),
        **dict.fromkeys(("tool_call", "tool_use"), "tool_calls"),
        **dict.fromkeys(("sensitive", "safety", "content_filtered", "refusal", "recitation"), "content_filter"),
        **dict.fromkeys(
            ("error", "network_error", "insufficient_system_resource", "abort", "aborted", "cancelled"), "error"
        ),
    }
)
"""What vendors say of the end of an answer, in OpenAI's words; `error` where the answer failed."""

OPENAI_FINISH_REASONS: Final = frozenset({"stop", "length", "tool_calls", "content_filter", "function_call"})
"""OpenAI's own words."""
