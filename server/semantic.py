"""Answers to requests that are like this one: the last turn may be worded otherwise, all else is equal to the bit.

Between the pipeline and the cache. Likeness is compared by a vector of the turn's text: one of its trigrams, which
costs nothing, or one that a provider's model makes. That is a request of its own through the gateway, made for the same
caller, with its own record and cost; when it fails or takes too long, the answer is made as if there were none like it.
"""

from array import array
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from server.cache.fingerprint import LastTurn, Scope, last_turn
from server.cache.kept import OWN_NOTE
from server.cache.lexical import NAME, lexical_vector, unit
from server.cache.neighbours import Likeness, Neighbours, Turn, turn_of
from server.cache.wording import Wording, every_word, telling_words, wording_of
from server.chat.ids import new_id
from server.chat.principal import Call
from server.chat.request import ChatRequest
from server.errors import PerpetuoError, UpstreamBadResponse
from server.ingress.embeddings.request import read_embedding
from server.prepared import Read
from server.routing.operation import Operation
from server.sharing import Share, Sharing

PATIENCE_S: Final = 1.0
"""How long a provider may take for a vector."""

MAX_CHARS: Final = 4_096
"""A longer turn is compared with none: what such texts differ in is lost among what they have in common."""

_INDEX_SHARE: Final = 4

Ask = Callable[[Call, bytes, Read], Awaitable[bytes]]
"""Has a request answered in one piece: see `Pipeline.complete`."""


class _Vector(Struct):
    embedding: list[float]


class _Vectors(Struct):
    data: list[_Vector]


_VECTORS: Final = msgspec.json.Decoder(_Vectors)
_ENCODER: Final = msgspec.json.Encoder()


def _read(body: bytes, *, stream: bool) -> ChatRequest:
    return read_embedding(body)


class Semantic:
    """Finds such answers among those that `sharing` keeps, from a likeness of `least` on, up to 1.

    `embedder` is `lexical` or the name of an embedding model. The index takes a quarter of the memory for answers more.
    """

    def __init__(self, sharing: Sharing, least: float, embedder: str = NAME) -> None:
        self._sharing = sharing
        self._index = Neighbours(sharing.answers.max_bytes // _INDEX_SHARE, sharing.answers.ttl_s)
        self._least = least
        self._embedder = embedder

    async def look(self, ask: Ask, share: Share, operation: Operation, request: ChatRequest, scope: Scope) -> None:
        """Gives a request's share what it is compared by, and with it the most similar answer, if there is one."""
        if not self._sharing.answers.max_bytes or share.has_kept() or share.is_under_way():
            return
        last = last_turn(request, scope, self._embedder)
        if last is None or len(last.text) > MAX_CHARS:
            return
        wording = wording_of(last.text)
        turn = await self._turn(ask, operation, last, wording) if wording.words else None
        if turn is not None:
            place = scope.workspace_id, last.scope
            share.compare(Likeness(self._index, place, turn, self._least, operation.call.request_id))

    async def _turn(self, ask: Ask, operation: Operation, last: LastTurn, wording: Wording) -> Turn | None:
        if self._embedder == NAME:
            return turn_of(every_word(wording), lexical_vector(wording))
        call = self._call(operation.call)
        try:
            answer = await ask(call, self._body(last.text), _read)
            vector = _vector(answer)
        except PerpetuoError as error:
            operation.note([f"{OWN_NOTE}no vector from {self._embedder} ({error.reason}); request {call.request_id}."])
            return None
        operation.note([f"{OWN_NOTE}a vector from {self._embedder}; its cost is in request {call.request_id}."])
        return turn_of(telling_words(wording), vector)

    def _body(self, text: str) -> bytes:
        return _ENCODER.encode({"model": self._embedder, "input": text, "encoding_format": "float"})

    def _call(self, call: Call) -> Call:
        """The caller's own call for a vector; a key need not be allowed the model, which the operator has chosen."""
        now_s = self._sharing.now_s()
        return Call(
            request_id=new_id("req_"),
            principal=replace(call.principal, allowed_models=()),
            received_at=now_s,
            deadline=min(call.deadline, now_s + PATIENCE_S),
            surface=call.surface.partition("/")[0] + "/embeddings",
            client_request_id=call.request_id,
            is_timed=True,
            traceparent=call.traceparent,
        )


def _vector(answer: bytes) -> "array[float]":
    """The vector of an answer. Raises UpstreamBadResponse for one that is none, or has no direction."""
    try:
        [found] = _VECTORS.decode(answer).data
        vector = unit(found.embedding)
    except (msgspec.DecodeError, ValueError, OverflowError):
        raise UpstreamBadResponse("The provider's answer is not a vector.") from None
    if not any(vector):
        raise UpstreamBadResponse("The provider's vector has no direction.")
    return vector
