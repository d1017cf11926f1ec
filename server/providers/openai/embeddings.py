"""OpenAI's embeddings, for OpenAI and for everybody who embeds like it.

A request is spliced: members that nobody knows reach the vendor. One with more inputs than the vendor takes goes out in
parts, and the vectors come back in the order of the inputs. What differs between vendors is in `EmbeddingForm`.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from server.chat.deployment import Candidate
from server.chat.embedding import EmbeddingView, Input, batches_of, inputs_of, tokens_of
from server.chat.native import NativeRequest
from server.chat.request import ChatRequest
from server.chat.usage import Usage
from server.chat.wire import WireRequest
from server.errors import ParamUnsupported, UpstreamBadResponse
from server.providers.delegating import DelegatingDialect
from server.providers.dialect import Answer, Dialect
from server.providers.openai.access import BEARER, Access
from server.providers.openai.dialect import OpenAiDialect
from server.providers.refusal import complaint_of, judged, refusal
from server.providers.vectors import listed

MOST_INPUTS: Final = 2048
"""What OpenAI takes in one request."""
MOST_TOKENS: Final = 300_000
"""What OpenAI takes in one request, over all inputs."""

_BASE64: Final = b'"base64"'
_ENCODER: Final = msgspec.json.Encoder()


class EmbeddingForm(Struct, frozen=True):
    """What a vendor's embeddings take.

    `most_inputs` and `most_tokens` (0: not known) bound one request. `takes_base64` and `takes_tokens` say whether it
    knows that encoding, and inputs that are tokens. `dimensions` is its name for the length of a vector, empty where
    no length can be asked for, `access` how it is reached.
    """

    most_inputs: int = MOST_INPUTS
    most_tokens: int = 0
    takes_base64: bool = False
    takes_tokens: bool = True
    dimensions: str = "dimensions"
    access: Access = BEARER


_USUAL: Final = EmbeddingForm()


class _Vector(Struct):
    embedding: Raw
    index: int = 0


class _Counted(Struct):
    prompt_tokens: int | None = None
    total_tokens: int | None = None


class _Part(Struct):
    data: list[_Vector] | None = None
    model: str = ""
    usage: _Counted | None = None
    error: Raw = Raw(b"null")


_PARTS: Final = msgspec.json.Decoder(list[_Part])
_VIEW: Final = msgspec.json.Decoder(EmbeddingView)
_NUMBERS: Final = msgspec.json.Decoder(list[float] | str)


def embedder(form: EmbeddingForm = _USUAL) -> Callable[[NativeRequest], Dialect]:
    """What makes the dialect for a request."""
    return partial(OpenAiEmbeddings, form)


class OpenAiEmbeddings(DelegatingDialect):
    """POST `{base_url}/embeddings` with a bearer key. Made for one request."""

    __slots__ = ("_form", "_inputs", "_native", "_view")

    def __init__(self, form: EmbeddingForm, native: NativeRequest) -> None:
        super().__init__(_PLAIN)
        self._form = form
        self._native = native
        self._view = _VIEW.decode(_ENCODER.encode(native.members))
        self._inputs = inputs_of(self._view.input)

    def build(self, request: ChatRequest, candidate: Candidate, *, is_stream: bool) -> WireRequest:
        """See `Dialect.build`. Raises ParamUnsupported for what the vendor does not take."""
        if not self._form.takes_tokens and not isinstance(self._inputs[0], str):
            raise ParamUnsupported("The provider takes texts only, and 'input' holds tokens.", param="input")
        members = {**self._native.members, "model": Raw(_ENCODER.encode(candidate.model))}
        self._put_form(members)
        bodies = [_ENCODER.encode({**members, "input": part}) for part in self._parts()]
        if len(bodies) == 1:
            bodies = [_ENCODER.encode(members)]
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        passed = self._form.access.credential(candidate.deployment)
        url = self._form.access.url(candidate.deployment, "/embeddings", candidate.model)
        headers |= passed.headers
        return WireRequest("POST", url, headers, bodies[0], others=tuple(bodies[1:]), grant=passed.grant)

    def _put_form(self, members: dict[str, Any]) -> None:
        """How the vectors are to be, in the vendor's words."""
        form = self._form
        if members.get("encoding_format") == Raw(_BASE64) and not form.takes_base64:
            del members["encoding_format"]
        if form.dimensions != "dimensions" and "dimensions" in members:
            length = members.pop("dimensions")
            if not form.dimensions:
                raise ParamUnsupported("The provider's vectors have one length only.", param="dimensions")
            members[form.dimensions] = length

    def _parts(self) -> list[list[Input]]:
        return batches_of(self._inputs, self._form.most_inputs, self._form.most_tokens)

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
        """See `Dialect.answer`. The body is an object with `data`, `model` and `usage`."""
        if not 200 <= status < 300:
            raise refusal(status, headers, body)
        asked = self._parts()
        try:
            parts = _PARTS.decode(body if len(asked) > 1 else b"[" + body + b"]")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise UpstreamBadResponse("The provider's answer is not vectors in JSON.") from None
        for part in parts:
            if part.error != Raw(b"null"):
                raise judged(200, headers, complaint_of(msgspec.json.decode(part.error)))
        vectors = _in_order(parts, [len(some) for some in asked])
        self._check_length(vectors[0])
        return listed(vectors, parts[0].model, self._usage(parts))

    def _check_length(self, vector: Raw) -> None:
        """Refuses vectors of another length than was asked for: some servers pass over the member in silence."""
        wanted = self._view.dimensions
        if not isinstance(wanted, int):
            return
        found = _NUMBERS.decode(vector)
        length = len(found) * 3 // 16 if isinstance(found, str) else len(found)
        if length != wanted:
            raise ParamUnsupported(
                f"The model's vectors have {length} numbers and cannot have {wanted}; leave out 'dimensions'.",
                param="dimensions",
            )

    def _usage(self, parts: Sequence[_Part]) -> Usage:
        """Tokens over all parts; estimated if any of them does not tell."""
        counted = [part.usage for part in parts]
        told = [(usage.prompt_tokens or usage.total_tokens) for usage in counted if usage is not None]
        if len(told) == len(parts) and None not in told:
            return Usage(input_tokens=sum(tokens or 0 for tokens in told))
        return Usage(input_tokens=sum(map(tokens_of, self._inputs)), is_estimated=True)


def _in_order(parts: Sequence[_Part], sizes: Sequence[int]) -> list[Raw]:
    """The vectors of all parts in the order of the inputs. Raises UpstreamBadResponse when one is missing."""
    vectors: list[Raw] = []
    for part, size in zip(parts, sizes, strict=True):
        found = {vector.index: vector.embedding for vector in part.data or ()}
        if sorted(found) != list(range(size)):
            raise UpstreamBadResponse("The provider's answer does not have one vector for each input.")
        vectors += [found[index] for index in range(size)]
    return vectors


_PLAIN: Final = OpenAiDialect()
