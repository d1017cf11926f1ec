"""Vectors from vendors with an embeddings API of their own: texts go out in parts, and one answer comes back.

Pure. The numbers of a vector are never decoded to be written again: their spelling is the vendor's.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Raw

from server.chat.answer import AnswerFacts
from server.chat.embedding import EmbeddingView, Input, batches_of
from server.chat.usage import Usage
from server.errors import ParamUnsupported, UpstreamBadResponse
from server.providers.dialect import Answer

_NUMBERS: Final = msgspec.json.Decoder(list[float])
_ENCODER: Final = msgspec.json.Encoder()


def texts_of(inputs: list[Input], most: int) -> list[list[str]]:
    """The inputs in parts of at most `most`. Raises ParamUnsupported for tokens, which only OpenAI's form takes."""
    parts = []
    for some in batches_of(inputs, most):
        texts = [one for one in some if isinstance(one, str)]
        if len(texts) != len(some):
            raise ParamUnsupported("The provider takes texts only, and 'input' holds tokens.", param="input")
        parts.append(texts)
    return parts


def not_vectors() -> UpstreamBadResponse:
    """For an answer that cannot be read."""
    return UpstreamBadResponse("The provider's answer is not vectors in JSON.")


def answer_of(vectors: Sequence[Raw], inputs: Sequence[Input], view: EmbeddingView, usage: Usage) -> Answer:
    """The answer: an object with `data`, `model` and `usage`, a vector for each input.

    Raises UpstreamBadResponse if there are more or fewer, ParamUnsupported if they are not as long as was asked for.
    """
    if len(vectors) != len(inputs):
        raise UpstreamBadResponse("The provider's answer does not have one vector for each input.")
    try:
        length = len(_NUMBERS.decode(vectors[0])) if vectors else 0
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise not_vectors() from None
    if isinstance(view.dimensions, int) and length != view.dimensions:
        raise ParamUnsupported(
            f"The model's vectors have {length} numbers and cannot have {view.dimensions}; leave out 'dimensions'.",
            param="dimensions",
        )
    model = view.model if isinstance(view.model, str) else ""
    return listed(vectors, model, usage)


def listed(vectors: Sequence[Raw], model: str, usage: Usage) -> Answer:
    """The answer in OpenAI's form: an object with `data` (the vectors as they are, numbered), `model` and `usage`."""
    body = _ENCODER.encode(
        {
            "object": "list",
            "data": [{"index": index, "embedding": vector} for index, vector in enumerate(vectors)],
            "model": model,
            "usage": {"prompt_tokens": usage.input_tokens, "total_tokens": usage.input_tokens},
        }
    )
    return Answer(body, AnswerFacts(None, model, "stop", usage, has_content=True))
