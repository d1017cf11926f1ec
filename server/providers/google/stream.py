"""One stream of Gemini's as chat completion chunks.

Each event is an answer with the parts that are new, and the usage so far. There is no last event: the finish reasons
tell that the answers are complete, and the end of the body that the stream is.
"""

from typing import Final

import msgspec
from msgspec import Raw

from server.chat.answer import ChunkFacts
from server.chat.reported import read_usage
from server.errors import UpstreamBadResponse
from server.providers.dialect import Chunk, Event
from server.providers.google.answer import (
    CANDIDATE,
    SAID,
    Candidate,
    Said,
    Spoken,
    Usage,
    check_feedback,
    counted_of,
    ending_of,
    finish_of,
    logprobs_of,
    notes_of,
    others_of,
    tier_of,
    usage_of,
)
from server.providers.google.content import Made
from server.providers.google.errors import failure_of

MAX_MALFORMED_EVENTS: Final = 1

_ENCODER: Final = msgspec.json.Encoder()
_NULL: Final = Raw(b"null")
_SAYING: Final = frozenset({"content", "reasoning_content", "tool_calls"})


class GoogleStream:
    """Reads one stream."""

    __slots__ = ("_head", "_id", "_malformed", "_model", "_spoken", "is_done", "notes")

    def __init__(self) -> None:
        self.is_done = False
        self.notes: list[str] = []
        self._id = ""
        self._model = ""
        self._head = b""
        self._spoken: dict[int, Spoken] = {}
        self._malformed = 0

    def feed(self, event: Event) -> list[Chunk]:
        """See `StreamDecoder.feed`."""
        data = event.data
        if not data:
            return []
        try:
            said = SAID.decode(data)
            if said.error != _NULL:
                raise failure_of(200, {}, data)
            check_feedback(said)
            return self._chunks(said, data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._malformed += 1
            if self._malformed > MAX_MALFORMED_EVENTS:
                raise UpstreamBadResponse("The provider's stream is not what it should be.") from None
            self.notes.append("upstream_malformed_events")
            return []

    def _chunks(self, said: Said, data: bytes) -> list[Chunk]:
        if not self._head:
            self._id, self._model = said.response_id or "gemini", said.model_version
            common = {"id": self._id, "object": "chat.completion.chunk", "created": 0, "model": self._model}
            self._head = _ENCODER.encode(common)[:-1] + b',"choices":[{"index":'
        chunks: list[Chunk] = []
        has_finished = False
        for raw in said.candidates or ():
            candidate = CANDIDATE.decode(raw)
            has_finished = has_finished or candidate.finish_reason is not None
            chunks += self._of_candidate(candidate, raw)
        counted = counted_of(said.usage_metadata) if has_finished or not said.candidates else None
        if counted is not None:
            chunks.append(self._usage_chunk(counted, data))
        return chunks

    def _of_candidate(self, candidate: Candidate, raw: Raw) -> list[Chunk]:
        chunks: list[Chunk] = []
        spoken = self._spoken.get(candidate.index)
        if spoken is None:
            spoken = self._spoken[candidate.index] = Spoken(self._id, candidate.index)
            chunks.append(self._chunk(candidate.index, {"role": "assistant", "content": ""}, {}))
        delta = spoken.take((candidate.content and candidate.content.parts) or [])
        finish = finish_of(candidate.finish_reason, spoken)
        self.notes += notes_of(candidate.finish_reason)
        logprobs = logprobs_of(candidate.logprobs_result)
        if delta or logprobs:
            chunks.append(self._chunk(candidate.index, delta, {"logprobs": logprobs} if logprobs else {}))
        if finish is not None:
            more: Made = {**ending_of(candidate.finish_reason), **others_of(raw, is_candidate=True)}
            chunks.append(self._chunk(candidate.index, {}, more, finish))
        return chunks

    def _usage_chunk(self, counted: Usage, data: bytes) -> Chunk:
        usage = Raw(_ENCODER.encode(usage_of(counted)))
        tier = tier_of(counted)
        members: Made = {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": 0,
            "model": self._model,
            "choices": [],
            "usage": usage,
            **({"service_tier": tier} if tier else {}),
            **others_of(data, is_candidate=False),
        }
        read = read_usage(usage, Raw(_ENCODER.encode(tier)))
        return Chunk(_ENCODER.encode(members), ChunkFacts(self._id, self._model, False, None, read, True))

    def _chunk(self, index: int, delta: Made, more: Made, finish: str | None = None) -> Chunk:
        tail = _ENCODER.encode({"finish_reason": finish, **more})
        data = self._head + b'%d,"delta":' % index + _ENCODER.encode(delta) + b"," + tail[1:] + b"]}"
        has_content = any(delta.get(name) for name in _SAYING)
        return Chunk(data, ChunkFacts(self._id, self._model, has_content, finish, None, False))
