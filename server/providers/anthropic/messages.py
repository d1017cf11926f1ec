"""The conversation as Anthropic takes it: the system prompt apart, then turns that alternate.

A turn of results begins with them. A conversation that does not begin with the user gets a first word of the user's;
one that ends with the assistant is a prefill, for the models that take one.
"""

import hashlib
import re
from typing import Final

from msgspec import Raw, Struct

from server.chat.request import ChatRequest
from server.chat.turns import Call, Conversation, Said, Turn
from server.providers.anthropic.content import Made, blocks_of, mark, mark_last, own_content, thinking_of
from server.providers.tool_input import input_of

OPENING: Final = "Begin."
"""What the user says where nobody has spoken yet."""
CONTINUING: Final = "Continue."
"""What the user says after the assistant's last words, for models that take no prefill."""

_ID: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
_TEXT: Final = b'"text"'


class Spoken(Struct, frozen=True):
    """The members `system` and `messages`. The system prompt is None where there is none."""

    system: str | list[Made | Raw] | None
    messages: list[Made]


def spoken_of(request: ChatRequest, conversation: Conversation, *, takes_prefill: bool) -> Spoken:
    """The conversation in Anthropic's form. Raises ParamUnsupported for content that it cannot carry."""
    system: list[Made | Raw] = []
    for said in conversation.system:
        blocks = blocks_of(request, said)
        mark_last(blocks, said.message.cache_control)
        _note_name(request, said)
        system += blocks
    for said in conversation.late_system:
        request.tell(f"{said.path} is sent in the system prompt: the provider takes no such message in between.")
    messages = [made for turn in conversation.turns if (made := _turn(request, turn))["content"]]
    if not messages or messages[0]["role"] == "assistant":
        request.tell(f"The conversation does not begin with the user, so that it begins with {OPENING!r}.")
        messages.insert(0, {"role": "user", "content": OPENING})
    if messages[-1]["role"] == "assistant":
        _end(request, messages, takes_prefill)
    return Spoken(_short(system), _merged(messages))


def tool_id(call_id: str) -> str:
    """The id of a call as Anthropic takes it: the same if it fits, else one that stands for it alone."""
    if _ID.match(call_id):
        return call_id
    return "toolu_" + hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def _turn(request: ChatRequest, turn: Turn) -> Made:
    if not turn.is_assistant:
        results: list[Made | Raw] = []
        others: list[Made | Raw] = []
        for said in turn.said:
            _note_name(request, said)
            if said.answers is not None:
                results.append(_result(request, said, said.answers))
                continue
            blocks = blocks_of(request, said)
            mark_last(blocks, said.message.cache_control)
            others += blocks
        return {"role": "user", "content": [*results, *others]}
    content: list[Made | Raw] = []
    for said in turn.said:
        content += _assistant(request, said)
    return {"role": "assistant", "content": content}


def _assistant(request: ChatRequest, said: Said) -> list[Made | Raw]:
    _note_name(request, said)
    own = own_content(said)
    if own is not None:
        return [*own]
    thought: list[Made | Raw] = [{**block} for block in thinking_of(request, said)]
    spoken = blocks_of(request, said)
    refusal = said.message.refusal
    if isinstance(refusal, str) and refusal.strip() and not spoken:
        spoken.append({"type": "text", "text": refusal})
    for call in said.calls:
        spoken.append(_tool_use(request, call))
    if said.message.audio:
        request.lose(f"{said.path}.audio", "is not sent: the provider has no spoken answers.")
    mark_last(spoken, said.message.cache_control)
    return thought + spoken


def _tool_use(request: ChatRequest, call: Call) -> Made:
    return {"type": "tool_use", "id": tool_id(call.id), "name": call.name, "input": input_of(request, call)}


def _result(request: ChatRequest, said: Said, call_id: str) -> Made:
    block: Made = {"type": "tool_result", "tool_use_id": tool_id(call_id)}
    content = said.message.content
    if isinstance(content, str):
        if content:
            block["content"] = content
    elif blocks := blocks_of(request, said):
        block["content"] = blocks
    if said.message.is_error is True:
        block["is_error"] = True
    return mark(block, said.message.cache_control)


def _end(request: ChatRequest, messages: list[Made], takes_prefill: bool) -> None:
    """Ends a conversation in which the assistant has the last word."""
    if not takes_prefill:
        request.lose(
            "messages", f"end with the assistant, which the model does not go on with; {CONTINUING!r} follows."
        )
        messages.append({"role": "user", "content": CONTINUING})
        return
    content = messages[-1]["content"]
    assert isinstance(content, list)
    last = content[-1]
    if isinstance(last, dict) and last["type"] == "text":
        last["text"] = str(last["text"]).rstrip()


def _merged(messages: list[Made]) -> list[Made]:
    """Turns of one side that became neighbours, because a turn between them was empty, in one."""
    merged: list[Made] = []
    for made in messages:
        if merged and merged[-1]["role"] == made["role"]:
            merged[-1] = {"role": made["role"], "content": [*_blocks(merged[-1]), *_blocks(made)]}
        else:
            merged.append(made)
    return [{"role": made["role"], "content": _short(_blocks(made))} for made in merged]


def _blocks(made: Made) -> list[Made | Raw]:
    content = made["content"]
    return content if isinstance(content, list) else [{"type": "text", "text": content}]


def _short(blocks: list[Made | Raw]) -> str | list[Made | Raw] | None:
    """A single text without marks as the text itself; None for nothing."""
    if len(blocks) == 1 and isinstance(blocks[0], dict) and set(blocks[0]) == {"type", "text"}:
        return str(blocks[0]["text"])
    return blocks or None


def _note_name(request: ChatRequest, said: Said) -> None:
    if isinstance(said.message.name, str) and said.message.role != "function":
        request.lose(f"{said.path}.name", "is not sent: the provider knows no names of participants.")
