"""Cohere's embeddings: texts in batches of ninety-six, each a part of one request.

Tokens are refused, because they are another vocabulary's. Vectors are compared with others that were made for the same
purpose, so the purpose that is assumed is told. Facts: the vendor's `v2/embed`.
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
from server.providers.cohere.dialect import CohereDialect, credential_of
from server.providers.cohere.errors import failure_of
from server.providers.delegating import DelegatingDialect
from server.providers.dialect import Answer
from server.providers.vectors import answer_of, not_vectors, texts_of
from server.providers.written import Made

MOST_INPUTS: Final = 96
"""What Cohere takes in one request."""
PURPOSE: Final = "search_document"
"""What vectors are for where the request does not say."""

_PLAIN: Final = CohereDialect()
_ENCODER: Final = msgspec.json.Encoder()
_VIEW: Final = msgspec.json.Decoder(EmbeddingView)
_OWN: Final = ("input_type", "truncate", "max_tokens", "priority")
_TAKEN: Final = frozenset({"input", "model", "encoding_format", "dimensions", "user", *_OWN})


class _Vectors(Struct):
    float: list[Raw] = []


class _Billed(Struct):
    input_tokens: float | None = None


class _Meta(Struct):
    billed_units: _Billed | None = None


class _Part(Struct):
    embeddings: _Vectors | None = None
    meta: _Meta | None = None


_PARTS: Final = msgspec.json.Decoder(list[_Part])


class CohereEmbeddings(DelegatingDialect):
    """POST `{base_url}/v2/embed`. Made for one request."""

    __slots__ = ("_inputs", "_native", "_view")

    def __init__(self, native: NativeRequest) -> None:
        super().__init__(_PLAIN)
        self._native = native
        self._view = _VIEW.decode(_ENCODER.encode(native.members))
        self._inputs = inputs_of(self._view.input)

    def build(self, request: ChatRequest, candidate: Candidate, *, is_stream: bool) -> WireRequest:
        """See `Dialect.build`. Raises ParamUnsupported for tokens."""
        given = self._native.members
        for name in given.keys() - _TAKEN:
            request.lose(name, "is not sent: the provider has no such parameter.")
        made: Made = {"model": candidate.model, "embedding_types": ["float"], "input_type": PURPOSE}
        if "input_type" not in given:
            request.tell(f"input_type is {PURPOSE}: the provider must know what vectors are for.")
        made |= {name: given[name] for name in _OWN if name in given}
        if isinstance(self._view.dimensions, int):
            made["output_dimension"] = self._view.dimensions
        bodies = []
        for texts in texts_of(self._inputs, MOST_INPUTS):
            bodies.append(_ENCODER.encode({**made, "texts": texts}))
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        headers |= credential_of(candidate.deployment)
        url = f"{candidate.deployment.base_url}/v2/embed"
        return WireRequest("POST", url, headers, bodies[0], others=tuple(bodies[1:]))

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
        """See `Dialect.answer`. The body is an object with `data`, `model` and `usage`."""
        if not 200 <= status < 300:
            raise failure_of(status, headers, body)
        is_single = len(self._inputs) <= MOST_INPUTS
        try:
            parts = _PARTS.decode(b"[" + body + b"]" if is_single else body)
            vectors = [vector for part in parts if part.embeddings for vector in part.embeddings.float]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise not_vectors() from None
        usage = self._usage(parts)
        return answer_of(vectors, self._inputs, self._view, usage)

    def _usage(self, parts: list[_Part]) -> Usage:
        """Tokens that are billed over all parts; estimated if any of them does not tell."""
        told = [part.meta.billed_units.input_tokens if part.meta and part.meta.billed_units else None for part in parts]
        known = [tokens for tokens in told if tokens is not None]
        if len(known) == len(parts):
            return Usage(input_tokens=int(sum(known)))
        return Usage(input_tokens=sum(map(tokens_of, self._inputs)), is_estimated=True)
