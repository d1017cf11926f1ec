"""An embeddings request as a request that the pipeline routes: only a provider that embeds can serve it.

The model must be named, because vectors of different models cannot be compared: another entry may stand in for one that
fails, another model never.
"""

from typing import Final

import msgspec
from msgspec import UNSET

from server.chat.embedding import FACE, EmbeddingView, Input, inputs_of, tokens_of
from server.chat.invalid import invalid_member
from server.chat.native import NativeRequest
from server.chat.request import ChatRequest
from server.chat.view import ChatView, GatewayKnobs, Message
from server.errors import RequestInvalid
from server.ingress.reading import decode, is_set, read_body

MAX_INPUTS: Final = 65_536
"""Inputs of one request; each provider gets them in batches that it takes."""

_VIEW: Final = msgspec.json.Decoder(EmbeddingView)
_KNOBS: Final = msgspec.json.Decoder(GatewayKnobs | None)
_AUTO: Final = "auto"
_SHOWN_CHARS: Final = 2_000


def read_embedding(body: bytes) -> ChatRequest:
    """The request. Raises RequestInvalid with the path of the member."""
    view, members = read_body(_VIEW, body)
    if not isinstance(view.model, str) or not view.model or view.model.partition(":")[0] == _AUTO:
        raise RequestInvalid(
            "The member 'model' must name an embedding model: vectors of different models cannot be compared, so that "
            "the gateway never chooses one.",
            param="model",
        )
    inputs = _inputs(view)
    knobs = decode(_KNOBS, members["gateway"], at="gateway") if "gateway" in members else None
    shown = ChatView(
        messages=[Message("user", _shown(inputs))], model=view.model, gateway=UNSET if knobs is None else knobs
    )
    request = ChatRequest(body, shown, members)
    kept = {name: raw for name, raw in members.items() if name != "gateway" and is_set(raw)}
    request.native = NativeRequest(FACE, kept, needs="embeddings")
    return request


def _inputs(view: EmbeddingView) -> list[Input]:
    try:
        inputs = inputs_of(view.input)
    except msgspec.ValidationError as exc:
        raise invalid_member(bytes(view.input), exc, at="input") from None
    if not inputs or not all(inputs):
        raise RequestInvalid(
            "'input' must be a text, tokens, or a list of either, and none of them may be empty.", param="input"
        )
    if len(inputs) > MAX_INPUTS:
        raise RequestInvalid(f"'input' must have at most {MAX_INPUTS:,} items, but has {len(inputs):,}.", param="input")
    return inputs


def _shown(inputs: list[Input]) -> str:
    """What routing sees of the inputs: texts, and of tokens as many words."""
    tokens = sum(tokens_of(one) for one in inputs if not isinstance(one, str))
    return "\n".join([*(one for one in inputs if isinstance(one, str)), "x " * tokens])
