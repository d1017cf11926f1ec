"""The conversation as items of the Responses API: messages, calls, their outputs, and reasoning as it was given.

Items stand in the order of the messages, system messages among them. Content that no item can hold is refused. What a
message's members cannot say of an earlier answer is in `extra_content.openai.output`, and goes back as it came.
"""

from typing import Final

import msgspec
from msgspec import Raw

from server.chat.request import ChatRequest
from server.chat.turns import Call, Said, read_conversation
from server.chat.view import FilePart, Message, Part
from server.errors import ParamUnsupported
from server.providers.written import Made

_NULL: Final = Raw(b"null")
_FOREIGN: Final = "is not sent: it belongs to another vendor."


class _Own(msgspec.Struct):
    output: list[Raw] | None = None


class _Extra(msgspec.Struct):
    openai: _Own | None = None


def items_of(request: ChatRequest) -> list[Made | Raw]:
    """The member `input`. Raises RequestInvalid for calls without results, ParamUnsupported for other content."""
    messages = request.view.messages
    conversation = read_conversation(request.view)
    said_at = {said.index: said for turn in conversation.turns for said in turn.said}
    custom = {call.id for said in said_at.values() for call in said.calls if call.is_custom}
    items: list[Made | Raw] = []
    for index, message in enumerate(messages):
        said = said_at.get(index) or Said(index, message)
        if message.role == "assistant":
            items += _answer(request, said)
        elif said.answers is not None:
            kind = "custom_tool_call_output" if said.answers in custom else "function_call_output"
            items.append({"type": kind, "call_id": said.answers, "output": _content(request, said)})
            if message.is_error is not None and message.is_error is True:
                request.lose(f"{said.path}.is_error", "is not sent: the provider has no such member.")
        else:
            items.append({"role": message.role, "content": _content(request, said)})
        _note_others(request, said)
    return items


def _note_others(request: ChatRequest, said: Said) -> None:
    message = said.message
    if isinstance(message.name, str) and message.role != "function":
        request.lose(f"{said.path}.name", "is not sent: the provider knows no names of participants.")
    for name in ("thinking_blocks", "reasoning_details"):
        if getattr(message, name):
            request.tell(f"{said.path}.{name} {_FOREIGN}")
    if message.audio:
        request.lose(f"{said.path}.audio", "is not sent: the provider takes no spoken answers back.")


def _answer(request: ChatRequest, said: Said) -> list[Made | Raw]:
    """The items of an earlier answer: reasoning, then what it led to."""
    own = _own_output(said.message)
    if own is not None:
        return [*own]
    message = said.message
    items: list[Made | Raw] = [{**item} for item in message.reasoning_items or ()]
    if message.reasoning_content and not items:
        request.tell(f"{said.path}.reasoning_content is not sent: the provider takes back only what it has signed.")
    text = _text(said, message)
    if text:
        items.append({"role": "assistant", "content": text})
    return [*items, *(_call(call) for call in said.calls)]


def _own_output(message: Message) -> list[Raw] | None:
    if not isinstance(message.extra_content, Raw):
        return None
    try:
        extra = msgspec.json.decode(message.extra_content, type=_Extra)
    except msgspec.DecodeError:
        return None
    return extra.openai.output if extra.openai and extra.openai.output else None


def _text(said: Said, message: Message) -> str:
    content = message.content
    if isinstance(content, str):
        return content
    texts = []
    for place, part in enumerate(content or ()):
        text = part.text if part.type == "text" else part.refusal if part.type == "refusal" else None
        if not isinstance(text, str):
            raise _unsupported(part.type, f"{said.path}.content[{place}]")
        texts.append(text)
    return "".join(texts) or (message.refusal or "")


def _call(call: Call) -> Made:
    if call.is_custom:
        return {"type": "custom_tool_call", "call_id": call.id, "name": call.name, "input": call.arguments}
    return {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": call.arguments or "{}"}


def _content(request: ChatRequest, said: Said) -> str | list[Made | Raw]:
    """The content of a message that is not the assistant's."""
    content = said.message.content
    if not isinstance(content, list):
        return content or ""
    return [_part(request, said, part, place) for place, part in enumerate(content)]


def _part(request: ChatRequest, said: Said, part: Part, place: int) -> Made | Raw:
    path = f"{said.path}.content[{place}]"
    if part.type in ("text", "refusal"):
        return {"type": "input_text", "text": part.text if part.type == "text" else part.refusal}
    if part.type == "image_url" and part.image_url:
        detail = part.image_url.detail
        return {"type": "input_image", "image_url": part.image_url.url, "detail": detail if detail else "auto"}
    if part.type == "file" and part.file:
        return _file(part.file)
    if part.type.startswith("input_") and part.type != "input_audio":
        return request.raw_parts(said.index)[place]
    raise _unsupported(part.type, path)


def _file(file: FilePart) -> Made:
    made: Made = {"type": "input_file"}
    for name, value in (("file_id", file.file_id), ("filename", file.filename)):
        if isinstance(value, str):
            made[name] = value
    if isinstance(file.file_data, str):
        made["file_url" if file.file_data[:8].lower() == "https://" else "file_data"] = file.file_data
    return made


def _unsupported(kind: str, path: str) -> ParamUnsupported:
    return ParamUnsupported(
        f"The provider takes no content of the type {kind[:40]!r} ('{path}').", param=f"{path}.type"
    )
