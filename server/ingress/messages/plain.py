"""Messages requests of nothing but texts, and what bounds and samples their answers: translated in one step.

That a request says nothing else is proved by counting, see `server.chat.counted`. Every other request, and every one in
which something is wrong, is left to the general translation, which says the same of these.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from server.chat.counted import colons_in
from server.chat.native import LaterMembers, NativeRequest
from server.chat.request import ChatRequest
from server.chat.view import ChatView, Message, Role, StreamOptions
from server.ingress.messages.view import MessagesView

FACE: Final = "messages"
"""The name of the face."""

BETAS: Final = "anthropic-beta"

VIEW: Final = msgspec.json.Decoder(MessagesView)

_ENCODER: Final = msgspec.json.Encoder()
_HEADERS: Final = ("anthropic-version", BETAS)
_WORD_CHARS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.,: ")
_ALWAYS_THERE: Final = 3
"""The messages, the model and the bound of the answer."""
_ROLES: Final[Mapping[str, Role]] = {"user": "user", "assistant": "assistant", "system": "system"}
_OF_TURN: Final = 2
_OPTIONS: Final = StreamOptions(True)


class _Chat(Struct, gc=False):
    """The chat request, its members in the order of the general translation."""

    model: str
    messages: list[Message]
    max_completion_tokens: int
    temperature: object = UNSET
    top_p: object = UNSET
    top_k: int | UnsetType = UNSET
    stop: list[str] | UnsetType = UNSET
    stream: bool | UnsetType = UNSET
    stream_options: StreamOptions | UnsetType = UNSET


def sent_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Those of a request's headers that a provider of the form gets too."""
    sent = {}
    for name in _HEADERS if headers else ():
        value = headers.get(name)
        if value is not None and _WORD_CHARS.issuperset(value):
            sent[name] = value
    return sent


def plain_request(body: bytes, *, stream: bool, headers: Mapping[str, str]) -> ChatRequest | None:
    """The chat request of such a request; None for every other."""
    try:
        view = VIEW.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    model, bound, members = view.model, view.max_tokens, _ALWAYS_THERE
    if not isinstance(model, str) or not isinstance(bound, int) or not bound:
        return None
    # Only members that it may have are counted: with another one it has more colons than that.
    for member in (view.system, view.temperature, view.top_p, view.top_k, view.stop_sequences):
        if member is None:
            return None
        if member is not UNSET:
            members += 1
    if view.stream is not UNSET:
        members += 1
    messages = _messages(view)
    if messages is None:
        return None
    colons_of_texts = _colons(messages, model, view.stop_sequences)
    if not _is_all(body, members + _OF_TURN * len(view.messages), colons_of_texts):
        return None
    top_k, stops = view.top_k or UNSET, view.stop_sequences or UNSET
    streams, options = (True, _OPTIONS) if stream else (UNSET, UNSET)
    chat = _Chat(model, messages, bound, view.temperature, view.top_p, top_k, stops, streams, options)
    chat_view = ChatView(
        messages,
        model,
        streams,
        options,
        temperature=view.temperature,
        top_p=view.top_p,
        max_completion_tokens=bound,
        stop=stops,
        top_k=top_k,
    )
    sent = sent_headers(headers)
    native = NativeRequest(FACE, LaterMembers(body), sent, is_same=BETAS not in sent)
    return ChatRequest(_ENCODER.encode(chat), chat_view, None, stream, native=native, is_plain=True)


def _messages(view: MessagesView) -> list[Message] | None:
    """The messages, if all that is said is texts."""
    system = view.system
    messages: list[Message] = []
    if isinstance(system, str):
        messages.append(Message("system", system))
    elif system is not UNSET:
        return None
    for turn in view.messages:
        role, text = _ROLES.get(turn.role), turn.content
        if role is None or not isinstance(text, str):
            return None
        messages.append(Message(role, text))
    return messages


def _colons(messages: list[Message], model: str, stops: list[str] | UnsetType | None) -> int:
    """The colons of all texts."""
    colons = model.count(":")
    for message in messages:
        text = message.content
        if isinstance(text, str) and ":" in text:
            colons += text.count(":")
    for stop in stops or ():
        colons += stop.count(":")
    return colons


def _is_all(body: bytes, members: int, colons_of_texts: int) -> bool:
    """Whether a body has no more members than that. A colon of a text may be written as an escape: then not."""
    if colons_of_texts and body.find(b"\\u003") >= 0:
        return False
    return colons_in(body, members + colons_of_texts) == members + colons_of_texts
