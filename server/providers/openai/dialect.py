"""The OpenAI chat-completions dialect, for OpenAI and for everybody who speaks like it.

It is the canonical dialect, so a request is spliced and not built, and answers pass as they came. Vendors differ in
fields of this class, not in branches on their names.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from server.chat.answer import AnswerFacts, ChunkFacts, peek_answer, peek_chunk
from server.chat.deployment import Candidate, Deployment
from server.chat.request import ChatRequest, upstream_body
from server.chat.wire import Framing, WireRequest
from server.errors import PerpetuoError, UpstreamBadResponse
from server.providers.dialect import Answer, Chunk, Event
from server.providers.openai.access import BEARER, Access, Envelope, envelope
from server.providers.openai.alike import Alike
from server.providers.openai.headless import Headless
from server.providers.openai.repairs import Repairs
from server.providers.openai.requests import adapted
from server.providers.openai.text import HALVED, REPLACED, in_utf8, with_whole_characters
from server.providers.openai.vendor import OPENAI_FINISH_REASONS, Vendor
from server.providers.refusal import Complaint, complaint_of, judged, refusal

MAX_MALFORMED_EVENTS: Final = 1
"""How many events of one stream may be unreadable."""

_LF: Final = 0x0A
# Looked for with `find` and not with `in`, which takes bytes for a number first, and that ten times as long.
_CALLS: Final = b'"tool_calls"'
_INDEX: Final = b'"index"'
_ROLE: Final = b'"role"'
_USAGE: Final = b'"usage"'
_USUAL_ENDS: Final = OPENAI_FINISH_REASONS - {"tool_calls", "function_call"}
_WHOLE_BODIES: Final = ("application/json", "application/problem+json", "text/html", "application/xhtml")


@dataclass(frozen=True, slots=True)
class OpenAiDialect(Vendor):
    """POST `{base_url}/chat/completions` with a bearer key; what differs between vendors is in the fields.

    `access` is how the vendor is reached, `own_name` the dialect's name where it is one of its own.
    """

    access: Access = BEARER
    own_name: str = "openai"
    adapted = adapted  # a method without a call of its own, because it runs for every request

    @property
    def name(self) -> str:
        """The dialect's own name."""
        return self.own_name

    @property
    def framing(self) -> Framing:
        """See `Dialect.framing`."""
        return Framing.SSE

    def build(self, request: ChatRequest, candidate: Candidate, *, is_stream: bool) -> WireRequest:
        """See `Dialect.build`."""
        model = candidate.model
        sealed: Any = candidate.deployment.worked_out.get((model, is_stream))
        if sealed.__class__ is not Envelope or sealed.access is not self.access:
            sealed = envelope(self.access, candidate, is_stream=is_stream)
        request = self.adapted(request, candidate, is_stream)
        body = upstream_body(request, model, is_stream and self.takes_stream_options)
        return WireRequest("POST", sealed.url, sealed.headers, body, is_stream, None, (), sealed.grant)

    def check(self, deployment: Deployment) -> WireRequest:
        """See `Dialect.check`."""
        passed = self.access.credential(deployment)
        url = self.access.url(deployment, self.check_path)
        return WireRequest("GET", url, {"Accept": "application/json"} | passed.headers, b"", grant=passed.grant)

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
        """See `Dialect.answer`."""
        if not 200 <= status < 300:
            raise refusal(status, headers, body)
        notes: list[str] = []
        try:
            facts = peek_answer(body) if body.isascii() else None
        except UpstreamBadResponse:
            facts = None
        if facts is None:
            body, facts = _read_answer(body, notes)
        if facts.error is not None:
            raise judged(200, headers, complaint_of(facts.error))
        if not (facts.is_usual and self.answers_as_usual and facts.finish_reason in _USUAL_ENDS):
            repaired = self._repaired(body, facts, notes)
            if repaired is not body:
                body, facts = repaired, peek_answer(repaired)
        if facts.finish_reason is None and not facts.has_content:
            raise UpstreamBadResponse("The provider's answer holds no choice.")
        return Answer(body, facts, tuple(notes) if notes else ())

    def is_stream(self, status: int, headers: Mapping[str, str]) -> bool:
        """See `Dialect.is_stream`. A stream that is declared as something unusual, or not at all, counts as one."""
        return 200 <= status < 300 and not headers.get("content-type", "").lower().startswith(_WHOLE_BODIES)

    def stream(self) -> "OpenAiStream":
        """See `Dialect.stream`."""
        return OpenAiStream(self)

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> PerpetuoError:
        """See `Dialect.error`."""
        return refusal(status, headers, body)

    def _repaired(self, body: bytes, facts: AnswerFacts, notes: list[str]) -> bytes:
        """The answer as OpenAI would write it; the same bytes where nothing can be amiss."""
        is_usual = (
            facts.finish_reason in OPENAI_FINISH_REASONS
            and self.answers_as_usual
            and body.find(_CALLS) < 0 <= body.find(_ROLE)
            and body.find(_INDEX) >= 0
        )
        if is_usual or facts.finish_reason is None:
            return body
        try:
            return Repairs("message", self.reasoning_name, self.usage, notes).repaired(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise UpstreamBadResponse("The provider's answer is not a chat completion.") from None


class OpenAiStream:
    """Reads one stream. States: open -> done ([DONE] came); a failure ends it by raising."""

    __slots__ = (
        "_alike",
        "_headless",
        "_malformed",
        "_reasoning",
        "_repairs",
        "_usage",
        "is_done",
        "knows",
        "more",
        "notes",
    )

    def __init__(self, vendor: Vendor) -> None:
        self._malformed = 0
        self._headless = Headless()
        self._alike = Alike(self._headless)
        self.more: Callable[[bytes], list[Chunk] | None] = self._alike.more  # see `PieceReader.more`
        self.knows: Callable[[bytes, int], bool] = self._alike.knows
        self.is_done = False
        self.notes: list[str] = []
        self._repairs = Repairs("delta", vendor.reasoning_name, vendor.usage, self.notes)
        is_usual = vendor.reasoning_name == "reasoning_content"
        self._reasoning = b"" if is_usual else b'"' + vendor.reasoning_name.encode() + b'"'
        self._usage = b"" if vendor.usage is None else _USAGE

    def feed(self, event: Event) -> list[Chunk]:
        """See `StreamDecoder.feed`."""
        data = event.data
        if self.is_done or not data:
            return []
        if not data.isascii():
            data = _noted(data, in_utf8(data), REPLACED, self.notes)
        known = self._alike.facts_of(data)
        if known is not None and event.event != "error":
            return [Chunk(data, known)]
        return self._feed_any(data, event)

    def feed_all(self, events: Sequence[Event], chunks: list[Chunk]) -> None:
        """See `PieceReader.feed_all`."""
        position = 0
        tries_runs = True
        while position < len(events):
            known = self._alike.run(events, position) if tries_runs and not self.is_done else None
            if known:
                chunks += known
                position += len(known)
                continue
            tries_runs = known is not None
            chunks += self.feed(events[position])
            position += 1

    def _feed_any(self, data: bytes, event: Event) -> list[Chunk]:
        """Takes an event that is not just more text."""
        if data == b"[DONE]":
            self.is_done = True
            return []
        is_usual = False
        try:
            data, facts = self._read(data)
            if facts.error is not None or not self._may_be_odd(data, facts):
                is_usual = facts.error is None
            else:
                repaired = self._repairs.repaired(data)
                if repaired is not data:
                    data, facts = repaired, peek_chunk(repaired)
        except (UpstreamBadResponse, msgspec.DecodeError):
            self._malformed += 1
            if self._malformed > MAX_MALFORMED_EVENTS:
                raise UpstreamBadResponse("The provider's stream holds events that are no chunks.") from None
            self.notes.append("upstream_malformed_events")
            return []
        if facts.error is not None or event.event == "error":
            raise judged(200, {}, _complaint(facts, data))
        data = data.replace(b"\n", b" ") if _LF in data else data
        if is_usual:
            self._alike.learn(data, facts)
        if self._headless.holds(data, facts):
            return []
        return [*self._headless.released(data), Chunk(data, facts)]

    def _may_be_odd(self, data: bytes, facts: ChunkFacts) -> bool:
        """Whether a chunk has what vendors write otherwise; most chunks are text and nothing else."""
        return bool(
            facts.finish_reason
            or data.find(_ROLE) >= 0
            or data.find(_CALLS) >= 0
            or (self._reasoning and data.find(self._reasoning) >= 0)
            or (self._usage and data.find(self._usage) >= 0)
        )

    def _read(self, data: bytes) -> tuple[bytes, ChunkFacts]:
        """A chunk and its facts; what cannot be read as it is, without halves of characters."""
        try:
            return data, peek_chunk(data)
        except UpstreamBadResponse:
            mended = with_whole_characters(data)
            if mended is data:
                raise
            facts = peek_chunk(mended)
        return _noted(data, mended, HALVED, self.notes), facts


def _read_answer(body: bytes, notes: list[str]) -> tuple[bytes, AnswerFacts]:
    """A whole answer and its facts; the same as for a chunk."""
    if not body.isascii():
        body = _noted(body, in_utf8(body), REPLACED, notes)
    try:
        return body, peek_answer(body)
    except UpstreamBadResponse:
        mended = with_whole_characters(body)
        if mended is body:
            raise
        facts = peek_answer(mended)
    return _noted(body, mended, HALVED, notes), facts


def _noted(data: bytes, mended: bytes, note: str, notes: list[str]) -> bytes:
    """What was mended, and a note of it, once."""
    if mended is not data and note not in notes:
        notes.append(note)
    return mended


def _complaint(facts: ChunkFacts, data: bytes) -> Complaint:
    return complaint_of(facts.error if facts.error is not None else msgspec.json.decode(data))
