"""The conversation as Converse takes it: the system prompt apart, then turns that alternate and begin with the user.

Results of tools come first in a turn, in one turn however many there are. Reasoning that a model signed goes back to
models of the same family only, byte for byte.
"""

import hashlib
import re
from typing import Final

from msgspec import Raw, Struct

from server.chat.request import ChatRequest
from server.chat.turns import Call, Conversation, Said, Turn
from server.chat.view import Block
from server.providers.bedrock.content import blocks_of, marks_of
from server.providers.bedrock.families import Family
from server.providers.tool_input import input_of
from server.providers.written import Made

OPENING: Final = "Begin."
"""What the user says where nobody has spoken yet."""
CONTINUING: Final = "Continue."
"""What the user says after the assistant's last words, for models that do not go on with them."""
DOCUMENT_WORDS: Final = "Here is a document."
"""What the user says who sends a document and says nothing."""

_ID: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
_NOTHING: Final[Made] = {"json": {}}


class Spoken(Struct, frozen=True):
    """The members `system` and `messages`."""

    system: list[Made]
    messages: list[Made]


def spoken_of(request: ChatRequest, conversation: Conversation, family: Family, *, takes_prefill: bool) -> Spoken:
    """The conversation in Converse's form. Raises ParamUnsupported for content that it cannot carry."""
    system: list[Made] = []
    for said in conversation.system:
        _note_name(request, said)
        system += [*blocks_of(request, said), *marks_of(said.message.cache_control)]
    for said in conversation.late_system:
        request.tell(f"{said.path} is sent in the system prompt: the provider takes no such message in between.")
    messages: list[Made] = []
    for turn in conversation.turns:
        content = _assistant_turn(request, turn, family) if turn.is_assistant else _user_turn(request, turn)
        _add(messages, "assistant" if turn.is_assistant else "user", content)
    if not messages or messages[0]["role"] == "assistant":
        request.tell(f"The conversation does not begin with the user, so that it begins with {OPENING!r}.")
        messages.insert(0, {"role": "user", "content": [{"text": OPENING}]})
    if messages[-1]["role"] == "assistant":
        _end(request, messages, takes_prefill)
    return Spoken(system, messages)


def _add(messages: list[Made], role: str, content: list[Made]) -> None:
    """A turn; one without content is left out, and its neighbours become one."""
    if not content:
        return
    if messages and messages[-1]["role"] == role:
        before = messages[-1]["content"]
        assert isinstance(before, list)
        before.extend(content)
    else:
        messages.append({"role": role, "content": content})


def tool_use_id(call_id: str) -> str:
    """The id of a call as Converse takes it: the same if it fits, else one that stands for it alone."""
    if _ID.match(call_id):
        return call_id
    return "tooluse_" + hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def _user_turn(request: ChatRequest, turn: Turn) -> list[Made]:
    results: list[Made] = []
    others: list[Made] = []
    for said in turn.said:
        _note_name(request, said)
        into = others if said.answers is None else results
        into += blocks_of(request, said) if said.answers is None else [_result(request, said, said.answers)]
        into += marks_of(said.message.cache_control)
    if any("document" in block for block in others) and not any("text" in block for block in others):
        request.tell(f"The text {DOCUMENT_WORDS!r} is sent with the document: the provider takes none without a text.")
        others.append({"text": DOCUMENT_WORDS})
    return [*results, *others]


def _result(request: ChatRequest, said: Said, call_id: str) -> Made:
    blocks = [block for block in blocks_of(request, said) if "cachePoint" not in block]
    made: Made = {"toolUseId": tool_use_id(call_id), "content": blocks or [_NOTHING]}
    if said.message.is_error is True:
        made["status"] = "error"
    return {"toolResult": made}


def _assistant_turn(request: ChatRequest, turn: Turn, family: Family) -> list[Made]:
    content: list[Made] = []
    for said in turn.said:
        _note_name(request, said)
        message = said.message
        content += _reasoning(request, said, family)
        spoken = blocks_of(request, said)
        if not spoken and isinstance(message.refusal, str) and message.refusal.strip():
            spoken.append({"text": message.refusal})
        content += [*spoken, *(_tool_use(request, call) for call in said.calls), *marks_of(message.cache_control)]
        if message.audio:
            request.lose(f"{said.path}.audio", "is not sent: the provider takes no spoken answers back.")
    return content


def _reasoning(request: ChatRequest, said: Said, family: Family) -> list[Made]:
    message = said.message
    signed = [made for block in message.thinking_blocks or () if (made := _signed(block)) is not None]
    if signed and not family.takes_signed:
        request.tell(f"{said.path}.thinking_blocks is not sent: only the provider that signed it takes it back.")
        signed = []
    elif message.reasoning_content and not signed:
        request.tell(f"{said.path}.reasoning_content is not sent: it is not signed.")
    for name in ("reasoning_items", "reasoning_details"):
        if getattr(message, name):
            request.tell(f"{said.path}.{name} is not sent: it belongs to another vendor.")
    return signed


def _signed(block: Block) -> Made | None:
    """A block of reasoning with its signature as it came; None for one without."""
    if block.get("type") == Raw(b'"redacted_thinking"') and "data" in block:
        return {"reasoningContent": {"redactedContent": block["data"]}}
    signature = block.get("signature", Raw(b"null"))
    if signature in (Raw(b"null"), Raw(b'""')):
        return None
    text = {"text": block.get("thinking", Raw(b'""')), "signature": signature}
    return {"reasoningContent": {"reasoningText": text}}


def _tool_use(request: ChatRequest, call: Call) -> Made:
    return {"toolUse": {"toolUseId": tool_use_id(call.id), "name": call.name, "input": input_of(request, call)}}


def _end(request: ChatRequest, messages: list[Made], takes_prefill: bool) -> None:
    """Ends a conversation in which the assistant has the last word."""
    if not takes_prefill:
        request.lose(
            "messages", f"end with the assistant, which the model does not go on with; {CONTINUING!r} follows."
        )
        messages.append({"role": "user", "content": [{"text": CONTINUING}]})
        return
    content = messages[-1]["content"]
    assert isinstance(content, list)
    if isinstance(content[-1].get("text"), str):
        content[-1] = {"text": content[-1]["text"].rstrip()}


def _note_name(request: ChatRequest, said: Said) -> None:
    if isinstance(said.message.name, str) and said.message.role != "function":
        request.lose(f"{said.path}.name", "is not sent: the provider knows no names of participants.")
