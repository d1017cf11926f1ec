"""What is to be embedded: the inputs of a request, and how its vectors are to be, as faces and dialects both read it.

Pure. Vectors are compared only with vectors of the same model and length; so nothing here ever guesses either.
"""

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from server.chat.estimate import estimate_text_tokens

FACE = "embeddings"
"""The name of the face, and of the form that a provider must speak to serve it."""

Tokens: TypeAlias = list[Annotated[int, Meta(ge=0)]]
Input: TypeAlias = str | Tokens
"""One thing to embed: a text, or the tokens of one."""


class EmbeddingView(Struct, frozen=True, gc=False):
    """The members of a request that the gateway reads. `input` is one input or a list of them, as it came."""

    input: Raw
    model: str | UnsetType | None = UNSET
    encoding_format: Literal["float", "base64"] | UnsetType | None = UNSET
    dimensions: Annotated[int, Meta(ge=1)] | UnsetType | None = UNSET


_ONE = msgspec.json.Decoder(str)
_TEXTS = msgspec.json.Decoder(list[str])
_TOKENS = msgspec.json.Decoder(Tokens)
_LISTS = msgspec.json.Decoder(list[Tokens])


def inputs_of(raw: Raw) -> list[Input]:
    """The inputs in their order. Raises msgspec.ValidationError for anything but texts or tokens, of one kind."""
    text = bytes(raw).lstrip()
    if text.startswith(b'"'):
        return [_ONE.decode(text)]
    inner = text[1:].lstrip()[:1]
    if inner == b'"':
        return list(_TEXTS.decode(text))
    if inner == b"[":
        return list(_LISTS.decode(text))
    return [_TOKENS.decode(text)]


def tokens_of(one: Input) -> int:
    """How many tokens an input is likely to be; of tokens their number."""
    return estimate_text_tokens(one) if isinstance(one, str) else len(one)


def batches_of(inputs: list[Input], most: int, most_tokens: int = 0) -> list[list[Input]]:
    """The inputs in batches of at most `most` and, if it is not 0, about `most_tokens` tokens; order is kept.

    An input that is larger than that by itself is a batch of its own.
    """
    batches: list[list[Input]] = []
    held_tokens = 0
    for one in inputs:
        size = tokens_of(one) if most_tokens else 0
        is_full = not batches or len(batches[-1]) >= most or (held_tokens and held_tokens + size > most_tokens > 0)
        if is_full:
            batches.append([])
            held_tokens = 0
        batches[-1].append(one)
        held_tokens += size
    return batches
