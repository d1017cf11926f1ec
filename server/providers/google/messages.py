"""The conversation as Gemini takes it: the system instruction apart, then contents of the user and of the model.

Signatures of thoughts go back where they stood. Newer models refuse calls in a history without one; calls that another
vendor's model made get the mark that Google documents for them.
"""

from typing import Final

import msgspec
from msgspec import Raw, Struct

from server.chat.request import ChatRequest
from server.chat.turns import Call, Conversation, Said, Turn
from server.providers.google.content import Made, parts_of, signature_of
from server.providers.tool_input import input_of

OPENING: Final = "Begin."
"""What the user says where nobody has spoken yet."""
UNSIGNED: Final = "skip_thought_signature_validator"
"""The signature of calls that no model of Google's made."""


class Spoken(Struct, frozen=True):
    """The members `systemInstruction` and `contents`. The system instruction is None where there is none."""

    system: Made | None
    contents: list[Made]


def spoken_of(request: ChatRequest, conversation: Conversation, *, needs_signatures: bool) -> Spoken:
    """The conversation in Gemini's form. Raises ParamUnsupported for content that it cannot carry."""
    system = [part for said in conversation.system for part in _parts(request, said)]
    for said in conversation.late_system:
        request.tell(f"{said.path} is sent in the system instruction: the provider takes no such message in between.")
    contents: list[Made] = []
    called: list[Call] = []
    for turn in conversation.turns:
        parts = _model(request, turn, needs_signatures) if turn.is_assistant else _user(request, turn, called)
        called = turn.calls
        if not parts:
            continue
        role = "model" if turn.is_assistant else "user"
        if contents and contents[-1]["role"] == role:
            contents[-1] = {"role": role, "parts": [*_parts_of(contents[-1]), *parts]}
        else:
            contents.append({"role": role, "parts": parts})
    if not contents or contents[0]["role"] == "model":
        request.tell(f"The conversation does not begin with the user, so that it begins with {OPENING!r}.")
        contents.insert(0, {"role": "user", "parts": [{"text": OPENING}]})
    return Spoken({"parts": system} if system else None, contents)


def _parts_of(content: Made) -> list[Made]:
    parts = content["parts"]
    assert isinstance(parts, list)
    return parts


def _parts(request: ChatRequest, said: Said) -> list[Made]:
    message = said.message
    if isinstance(message.name, str) and message.role != "function":
        request.lose(f"{said.path}.name", "is not sent: the provider knows no names of participants.")
    if message.cache_control:
        request.tell(f"{said.path}.cache_control is not sent: the provider keeps prompts by itself.")
    return parts_of(request, said)


def _user(request: ChatRequest, turn: Turn, called: list[Call]) -> list[Made]:
    """Results first, in the order of their calls, then what the user says; pictures of results follow them."""
    names = {call.id: call.name for call in called}
    places = {call.id: place for place, call in enumerate(called)}
    results: list[tuple[int, Made]] = []
    others: list[Made] = []
    for said in turn.said:
        parts = _parts(request, said)
        if said.answers is None:
            others += parts
            continue
        response: Made = {"id": said.answers, "name": names[said.answers], "response": _response(said, parts)}
        results.append((places[said.answers], {"functionResponse": response}))
        others += [part for part in parts if "text" not in part]
    results.sort(key=lambda result: result[0])
    return [*(part for _, part in results), *others]


def _response(said: Said, parts: list[Made]) -> object:
    """A result as the object that Gemini demands: itself if it is one, else the text under a name."""
    text = "".join(str(part["text"]) for part in parts if "text" in part)
    if said.message.is_error is True:
        return {"error": text}
    try:
        msgspec.json.decode(text, type=dict[str, Raw])
    except (msgspec.DecodeError, UnicodeEncodeError):
        return {"result": text}
    return Raw(text.strip().encode())


def _model(request: ChatRequest, turn: Turn, needs_signatures: bool) -> list[Made]:
    parts: list[Made] = []
    for said in turn.said:
        _note_foreign(request, said)
        spoken = _parts(request, said)
        message = said.message
        if isinstance(message.refusal, str) and message.refusal and not spoken:
            spoken = [{"text": message.refusal}]
        signature = signature_of(message.extra_content)
        if signature is not None:
            if not spoken or "thoughtSignature" in spoken[-1]:
                spoken.append({"text": ""})
            spoken[-1]["thoughtSignature"] = signature
        parts += spoken
        parts += (_call(request, call) for call in said.calls)
    if needs_signatures:
        _sign_first(request, turn, parts)
    return parts


def _call(request: ChatRequest, call: Call) -> Made:
    made: Made = {"functionCall": {"id": call.id, "name": call.name, "args": input_of(request, call)}}
    signature = signature_of(call.extra_content)
    return made if signature is None else made | {"thoughtSignature": signature}


def _sign_first(request: ChatRequest, turn: Turn, parts: list[Made]) -> None:
    """Marks the first call of a turn of which no part is signed."""
    first = next((part for part in parts if "functionCall" in part), None)
    if first is not None and not any("thoughtSignature" in part for part in parts):
        first["thoughtSignature"] = UNSIGNED
        request.tell(f"{turn.calls[0].path} is marked as made by another model: it has no signature of the provider's.")


def _is_signed(said: Said) -> bool:
    extras = (said.message.extra_content, *(call.extra_content for call in said.calls))
    return any(signature_of(extra) is not None for extra in extras)


def _note_foreign(request: ChatRequest, said: Said) -> None:
    """Reasoning that another vendor signed, or that is only text, is left out."""
    for name in ("thinking_blocks", "reasoning_items", "reasoning_details"):
        if getattr(said.message, name):
            request.tell(f"{said.path}.{name} is not sent: it belongs to another vendor.")
    if said.message.reasoning_content and not _is_signed(said):
        request.tell(
            f"{said.path}.reasoning_content is not sent: another vendor's reasoning is not signed for this one."
        )
    if said.message.audio:
        request.lose(f"{said.path}.audio", "is not sent: the provider keeps no spoken answers.")
