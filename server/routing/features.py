"""What complexity is judged by and what a model must be able to do, read from the typed view of a request.

Pure, and linear in the number of messages and in the last user message.
"""

from msgspec import UNSET, Struct

from server.chat.prompt_tokens import Tokens
from server.chat.view import ChatView, Message
from server.routing.complexity import MANY_TURNS, Complexity, Features, asked_points, class_of, classify

# What is asked for mostly stands at an end of a message, and what is between them costs time to read.
_HEAD_CHARACTERS = 700
_TAIL_CHARACTERS = 300
_SYSTEM = frozenset({"system", "developer"})
_LONGEST = _HEAD_CHARACTERS + _TAIL_CHARACTERS
# By the length of what is looked at: both ends of a long text, with a line break between them, are the longest.
_ASKED_POINTS = bytes([asked_points(characters) for characters in range(_LONGEST + 2)])


class Needs(Struct, frozen=True, gc=False):
    """What a model must be able to do for a request. `output_tokens` is the longest answer asked for, 0 for any.

    `form` is the form that its provider must speak, empty for chat completions; `what` of it, and at which `param`, is
    for messages.
    """

    images: bool = False
    audio: bool = False
    tools: bool = False
    output_tokens: int = 0
    form: str = ""
    what: str = ""
    param: str = ""


_NOTHING_SPECIAL = Needs()


def features_of(view: ChatView, prompt_tokens: Tokens) -> Features:
    """The features of a conversation; `prompt_tokens` is an estimate of the whole."""
    messages = view.messages
    last: Message | None = None
    turns = len(messages)
    for message in messages:
        role = message.role
        if role == "user":
            last = message
        elif role in _SYSTEM:
            turns -= 1
    text = ""
    if last is not None:
        content = last.content
        text = content if isinstance(content, str) else _text(last)
        if len(text) > _LONGEST:
            text = _ends(text)
    tools = view.tools
    return Features(text, prompt_tokens, turns, len(tools) if isinstance(tools, list) else 0)


def class_of_view(view: ChatView, prompt_tokens: Tokens, most_tokens: float) -> Complexity:
    """The class of a conversation: what `classify` says of its features, found in fewer steps.

    `most_tokens` is what `prompt_tokens` are at most.
    """
    messages = view.messages
    last = messages[-1]
    text = last.content
    if text.__class__ is str and last.role == "user" and view.tools is UNSET and len(messages) < MANY_TURNS:
        if len(text) > _LONGEST:
            text = _ends(text)
        return class_of(text, _ASKED_POINTS[len(text)], prompt_tokens, most_tokens)
    return classify(features_of(view, prompt_tokens))


def needs_of(view: ChatView) -> Needs:
    """What a model must be able to do."""
    images = audio = False
    for message in view.messages:
        if isinstance(message.content, list):
            for part in message.content:
                images = images or bool(part.image_url)
                audio = audio or bool(part.input_audio)
    tools = bool(view.tools or view.functions)
    output_tokens = output_bound_of(view)
    if not (images or audio or tools or output_tokens):
        return _NOTHING_SPECIAL
    return Needs(images, audio, tools, output_tokens)


def plain_needs_of(view: ChatView) -> Needs:
    """The same of a request of which it is known that it has neither parts nor tools."""
    output_tokens = output_bound_of(view)
    return Needs(False, False, False, output_tokens) if output_tokens else _NOTHING_SPECIAL


def output_bound_of(view: ChatView) -> int:
    """How long the answer may be in tokens, 0 for any length."""
    one, other = view.max_tokens, view.max_completion_tokens
    return one if other is UNSET and one.__class__ is int else _least(one, other)


def _least(one: object, other: object) -> int:
    """The lesser of two bounds, as far as there are any; 0 for none."""
    if isinstance(one, int) and isinstance(other, int):
        return min(one, other)
    return one if isinstance(one, int) else other if isinstance(other, int) else 0


def _ends(text: str) -> str:
    """The beginning and the end of a long text."""
    return f"{text[:_HEAD_CHARACTERS]}\n{text[-_TAIL_CHARACTERS:]}"


def _text(message: Message) -> str:
    content = message.content
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "\n".join(part.text for part in content if isinstance(part.text, str))
