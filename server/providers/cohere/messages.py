"""The conversation as Cohere takes it: the system's words first, then messages in their order.

Earlier reasoning goes back where tools were called: as thoughts to models that reason, as a plan to others.
"""

from typing import Final

import msgspec
from msgspec import Raw, Struct

from server.chat.model_facts import ModelFacts
from server.chat.request import ChatRequest
from server.chat.turns import Call, Said, read_conversation
from server.chat.view import RawMember
from server.providers.cohere.content import content_of, parts_of, text_part
from server.providers.written import Made

CONTINUING: Final = "Continue."
"""What the user says after the assistant's last words, which no model goes on with."""


class _Own(Struct):
    citations: Raw = Raw(b"null")


class _Extra(Struct):
    cohere: _Own | None = None


_ENCODER: Final = msgspec.json.Encoder()
_NULL: Final = Raw(b"null")
_EXTRA: Final = msgspec.json.Decoder(_Extra | None)
_SIGNED: Final = ("thinking_blocks", "reasoning_items", "reasoning_details")


def messages_of(request: ChatRequest, facts: ModelFacts) -> list[Made]:
    """The member `messages`. Raises RequestInvalid and ParamUnsupported for what cannot be carried."""
    conversation = read_conversation(request.view)
    made: list[Made] = []
    system = [part for said in conversation.system for part in _parts(request, said)]
    for said in conversation.late_system:
        request.tell(f"{said.path} is sent before all others: the provider takes the system's words first.")
    if system:
        made.append({"role": "system", "content": content_of(system)})
    for turn in conversation.turns:
        if turn.is_assistant:
            made += (message for said in turn.said if (message := _assistant(request, said, facts)) is not None)
        else:
            made += _user(request, turn.said)
    if made and made[-1]["role"] == "assistant":
        request.lose("messages", f"end with the assistant, which no model goes on with; {CONTINUING!r} follows.")
        made.append({"role": "user", "content": CONTINUING})
    return made


def _parts(request: ChatRequest, said: Said) -> list[Made]:
    message = said.message
    if isinstance(message.name, str) and message.role != "function":
        request.lose(f"{said.path}.name", "is not sent: the provider knows no names of participants.")
    if message.cache_control:
        request.tell("cache_control is not sent: the provider keeps prompts by itself.")
    return parts_of(request, said)


def _user(request: ChatRequest, side: list[Said]) -> list[Made]:
    """The user's messages; what the result of a tool cannot hold follows the results."""
    results: list[Made] = []
    others: list[Made] = []
    carried: list[Made] = []
    for said in side:
        parts = _parts(request, said)
        if said.answers is None:
            others.append({"role": "user", "content": content_of(parts) if parts else ""})
            continue
        held = [part for part in parts if "text" in part]
        moved = [part for part in parts if "text" not in part]
        if moved:
            carried += [text_part(f"From the result of the tool call {said.answers}:"), *moved]
            held = held or [text_part("The result follows in the next message.")]
        if said.message.is_error is True:
            request.lose(f"{said.path}.is_error", "is not sent: the provider has no such member.")
        content = content_of(held) if held else ""
        results.append({"role": "tool", "tool_call_id": said.answers, "content": content})
    if carried:
        request.tell("Pictures of a tool's result are sent in a user's message after it.")
        others.insert(0, {"role": "user", "content": carried})
    return [*results, *others]


def _assistant(request: ChatRequest, said: Said, facts: ModelFacts) -> Made | None:
    message = said.message
    parts = _parts(request, said)
    if not parts and isinstance(message.refusal, str) and message.refusal:
        parts = [text_part(message.refusal)]
    made: Made = {"role": "assistant"}
    thoughts = _thoughts(request, said)
    if thoughts and (facts.knobs.thinking or not facts.is_known):
        parts = [{"type": "thinking", "thinking": thoughts}, *parts]
    elif thoughts:
        made["tool_plan"] = thoughts
    if parts:
        made["content"] = content_of(parts)
    citations = _citations(request, said)
    if citations is not None:
        made["citations"] = citations
    if said.calls:
        made["tool_calls"] = [_call(call) for call in said.calls]
    if message.audio:
        request.lose(f"{said.path}.audio", "is not sent: the provider takes no spoken answers back.")
    return made if len(made) > 1 else None


def _thoughts(request: ChatRequest, said: Said) -> str:
    """The reasoning that goes back: that of messages which call tools."""
    message = said.message
    for name in _SIGNED:
        if getattr(message, name):
            request.tell(f"{said.path}.{name} is not sent: only the provider that signed it takes it back.")
    text = message.reasoning_content
    if not isinstance(text, str) or not text:
        return ""
    if not said.calls:
        request.tell(f"{said.path}.reasoning_content is not sent: no tool is called there.")
        return ""
    request.tell(f"{said.path}.reasoning_content is sent as what was thought before tools were called.")
    return text


def _citations(request: ChatRequest, said: Said) -> Raw | None:
    """Citations of the provider's own, as they came; other extras are another vendor's."""
    message = said.message
    own = _own(message.extra_content)
    has_extra = isinstance(message.extra_content, Raw) and message.extra_content != _NULL
    if (has_extra and own is None) or any(call.extra_content for call in message.tool_calls or ()):
        request.tell("extra_content is not sent: only the provider that wrote it takes it back.")
    return None if own is None or own.citations == _NULL else own.citations


def _own(extra: RawMember) -> _Own | None:
    if not isinstance(extra, Raw):
        return None
    try:
        found = _EXTRA.decode(extra)
    except msgspec.DecodeError:
        return None
    return found.cohere if found else None


def _call(call: Call) -> Made:
    arguments = call.arguments.strip() or "{}"
    if call.is_custom:
        function: Made = {"name": call.name, "arguments": _as_input(call.arguments)}
    else:
        function = {"name": call.name, "arguments": arguments}
    return {"id": call.id, "type": "function", "function": function}


def _as_input(text: str) -> str:
    """The free text of a custom tool as the one member of an object."""
    return _ENCODER.encode({"input": text}).decode()
