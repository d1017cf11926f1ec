"""Gemini's embeddings: texts in batches of a hundred, each a part of one request.

Tokens are refused, because they are another vocabulary's. Facts: the Gemini API's `batchEmbedContents`.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Raw, Struct

from server.chat.deployment import Candidate
from server.chat.embedding import EmbeddingView, inputs_of, tokens_of
from server.chat.native import NativeRequest
from server.chat.request import ChatRequest
from server.chat.usage import Usage
from server.chat.wire import WireRequest
from server.providers.delegating import DelegatingDialect
from server.providers.dialect import Answer
from server.providers.google.content import Made
from server.providers.google.dialect import GoogleDialect, credential_of, resource_of
from server.providers.google.errors import failure_of
from server.providers.vectors import answer_of, not_vectors, texts_of

MOST_INPUTS: Final = 100
"""What Gemini takes in one request."""

_PLAIN: Final = GoogleDialect()
_ENCODER: Final = msgspec.json.Encoder()
_VIEW: Final = msgspec.json.Decoder(EmbeddingView)
_OWN: Final = {"task_type": "taskType", "title": "title"}
_TAKEN: Final = frozenset({"input", "model", "encoding_format", "dimensions", "user", *_OWN})


class _Vector(Struct):
    values: Raw


class _Part(Struct):
    embeddings: list[_Vector] = []


_PARTS: Final = msgspec.json.Decoder(list[_Part])


class GoogleEmbeddings(DelegatingDialect):
    """POST `{base_url}/models/{model}:batchEmbedContents`. Made for one request."""

    __slots__ = ("_inputs", "_native", "_view")

    def __init__(self, native: NativeRequest) -> None:
        super().__init__(_PLAIN)
        self._native = native
        self._view = _VIEW.decode(_ENCODER.encode(native.members))
        self._inputs = inputs_of(self._view.input)

    def build(self, request: ChatRequest, candidate: Candidate, *, is_stream: bool) -> WireRequest:
        """See `Dialect.build`. Raises ParamUnsupported for tokens."""
        resource = resource_of(candidate.model)
        for name in self._native.members.keys() - _TAKEN:
            request.lose(name, "is not sent: the provider has no such parameter.")
        more: Made = {own: self._native.members[name] for name, own in _OWN.items() if name in self._native.members}
        if isinstance(self._view.dimensions, int):
            more["outputDimensionality"] = self._view.dimensions
        bodies = []
        for texts in texts_of(self._inputs, MOST_INPUTS):
            asked = [{"model": resource, "content": {"parts": [{"text": text}]}, **more} for text in texts]
            bodies.append(_ENCODER.encode({"requests": asked}))
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        headers |= credential_of(candidate.deployment)
        url = f"{candidate.deployment.base_url}/{resource}:batchEmbedContents"
        return WireRequest("POST", url, headers, bodies[0], others=tuple(bodies[1:]))

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
        """See `Dialect.answer`. The body is an object with `data`, `model` and `usage`; tokens are estimated."""
        if not 200 <= status < 300:
            raise failure_of(status, headers, body)
        is_single = len(self._inputs) <= MOST_INPUTS
        try:
            parts = _PARTS.decode(b"[" + body + b"]" if is_single else body)
            vectors = [vector.values for part in parts for vector in part.embeddings]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise not_vectors() from None
        usage = Usage(input_tokens=sum(map(tokens_of, self._inputs)), is_estimated=True)
        return answer_of(vectors, self._inputs, self._view, usage)
