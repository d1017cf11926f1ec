"""A request whose answer has begun, asked again for the rest of it: what the assistant has said so far goes along.

Pure. Only for answers of plain text; whether a provider goes on with such a message is not decided here.
"""

from typing import Final

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from server.chat.request import ChatRequest, parse_chat_request
from server.chat.view import ChatView, ResponseFormat, Thinking, ToolChoice

_ENCODER: Final = msgspec.json.Encoder()
_LIST: Final = msgspec.json.Decoder(list[Raw])
_BOUNDS: Final = ("max_tokens", "max_completion_tokens")
_NO_EFFORT: Final = frozenset({"none", "minimal"})


def can_be_continued(request: ChatRequest) -> bool:
    """Whether the answer will be one text that can be gone on with.

    Not with several answers, log-probabilities, a form or a tool that is forced, reasoning or sound, nor where the
    assistant already has the last word, or where the request needs what only its own form can ask for.
    """
    view = request.view
    form, thinking = view.response_format, view.thinking
    return (
        not (request.native is not None and request.native.needs)
        and request.choices == 1
        and not (view.logprobs or view.top_logprobs)
        and not (isinstance(form, ResponseFormat) and form.type != "text")
        and not (isinstance(thinking, Thinking) and thinking.type != "disabled")
        and not (isinstance(view.reasoning_effort, str) and view.reasoning_effort not in _NO_EFFORT)
        and not (view.audio or (view.modalities and view.modalities != ["text"]))
        and not _forces_a_tool(view)
        and view.messages[-1].role != "assistant"
    )


def _forces_a_tool(view: ChatView) -> bool:
    return (
        view.tool_choice == "required"
        or isinstance(view.tool_choice, ToolChoice)
        or _names_its_function(view.function_call)
    )


def _names_its_function(choice: object) -> bool:
    return bool(choice) and not isinstance(choice, str)


def in_chat_form(request: ChatRequest) -> ChatRequest:
    """The request for an answer that is gone on with if need be: as a chat message, where that says all of it.

    What a provider answers in the form of the request is passed on as it comes, and cannot be gone on with.
    """
    native = request.native
    return replace(request, native=None) if native is not None and native.is_same else request


def continuation_of(request: ChatRequest, said: str, said_tokens: int) -> ChatRequest:
    """The request for what follows `said`, of which `said_tokens` tokens count against its bounds.

    It shares the notes of the request, and takes back none of them.
    """
    members = request.members.copy()
    if said:
        message = Raw(_ENCODER.encode({"role": "assistant", "content": said}))
        members["messages"] = Raw(_ENCODER.encode([*_LIST.decode(members["messages"]), message]))
    for name in _BOUNDS:
        bound = getattr(request.view, name)
        if isinstance(bound, int):
            members[name] = Raw(b"%d" % max(bound - said_tokens, 1))
    made = parse_chat_request(_ENCODER.encode(members), stream=request.is_stream)
    made.notes, made.is_strict = request.notes, request.is_strict
    return made
