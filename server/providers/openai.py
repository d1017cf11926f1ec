"""The OpenAI chat-completions dialect, for OpenAI and for everybody who speaks like it.

It is the canonical dialect, so a request is spliced and not built, and answers pass as they came. Vendors differ in
fields of this class, not in branches on their names.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from server.chat.answer import ChunkFacts, peek_answer, peek_chunk
from server.chat.deployment import Candidate, Deployment
from server.chat.request import ChatRequest, upstream_body
from server.chat.wire import Framing, WireRequest
from server.errors import PerpetuoError, UpstreamBadResponse, UpstreamUnavailable
from server.providers.dialect import Answer, Chunk, Event
from server.providers.refusal import Complaint, complaint_of, judged, refusal

MAX_MALFORMED_EVENTS: Final = 1
"""How many events of one stream may be unreadable."""

_FAILED: Final = "error"
_REPLACED: Final = "The provider sent bytes that are not UTF-8; they were replaced."
_WHOLE_BODIES: Final = ("application/json", "application/problem+json", "text/html", "application/xhtml")


@dataclass(frozen=True, slots=True)
class OpenAiDialect:
    """POST `{base_url}/chat/completions` with a bearer key.

    `takes_stream_options` is false for vendors that refuse the member and report usage anyway. `renamed` are members
    that a vendor knows by another name, as pairs. `check_path` is what only a valid key may GET.
    """

    takes_stream_options: bool = True
    renamed: tuple[tuple[str, str], ...] = ()
    check_path: str = "/models"

    @property
    def name(self) -> str:
        """The dialect's own name."""
        return "openai"

    @property
    def framing(self) -> Framing:
        """See `Dialect.framing`."""
        return Framing.SSE

    def build(self, request: ChatRequest, candidate: Candidate, *, is_stream: bool) -> WireRequest:
        """See `Dialect.build`."""
        deployment = candidate.deployment
        if is_stream is not request.is_stream or self.renamed or not self.takes_stream_options:
            request = self._adapted(request, is_stream)
        body = upstream_body(request, model=candidate.model, include_usage=is_stream and self.takes_stream_options)
        headers = {
            "Content-Type": "application/json",
            "Accept": "text/event-stream" if is_stream else "application/json",
        }
        if deployment.api_key:
            headers["Authorization"] = f"Bearer {deployment.api_key}"
        return WireRequest("POST", f"{deployment.base_url}/chat/completions", headers, body, is_stream)

    def check(self, deployment: Deployment) -> WireRequest:
        """See `Dialect.check`."""
        headers = {"Accept": "application/json"}
        if deployment.api_key:
            headers["Authorization"] = f"Bearer {deployment.api_key}"
        return WireRequest("GET", f"{deployment.base_url}{self.check_path}", headers, b"")

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
        """See `Dialect.answer`."""
        if not 200 <= status < 300:
            raise refusal(status, headers, body)
        if not body.isascii():
            body = _in_utf8(body)
        facts = peek_answer(body)
        if facts.error is not None:
            raise judged(200, headers, complaint_of(facts.error))
        if facts.finish_reason == _FAILED:
            raise _failed()
        if facts.finish_reason is None and not facts.has_content:
            raise UpstreamBadResponse("The provider's answer holds no choice.")
        return Answer(body, facts)

    def is_stream(self, status: int, headers: Mapping[str, str]) -> bool:
        """See `Dialect.is_stream`. A stream that is declared as something unusual, or not at all, counts as one."""
        return 200 <= status < 300 and not headers.get("content-type", "").lower().startswith(_WHOLE_BODIES)

    def stream(self) -> "OpenAiStream":
        """See `Dialect.stream`."""
        return OpenAiStream()

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> PerpetuoError:
        """See `Dialect.error`."""
        return refusal(status, headers, body)

    def _adapted(self, request: ChatRequest, is_stream: bool) -> ChatRequest:
        """The request without what this vendor does not take; the notes are those of the original."""
        members = request.members.copy()
        if not self.takes_stream_options and members.pop("stream_options", None) is not None:
            request.tell("stream_options is not sent: the provider refuses it and reports usage anyway.")
        for old, new in self.renamed:
            if old in members and new not in members:
                members = {new if name == old else name: value for name, value in members.items()}
        return replace(request, members=members, is_stream=is_stream)


class OpenAiStream:
    """Reads one stream. States: open -> done ([DONE] came); a failure ends it by raising."""

    __slots__ = ("_malformed", "is_done", "notes")

    def __init__(self) -> None:
        self._malformed = 0
        self.is_done = False
        self.notes: list[str] = []

    def feed(self, event: Event) -> list[Chunk]:
        """See `StreamDecoder.feed`."""
        data = event.data
        if self.is_done or not data:
            return []
        if data == b"[DONE]":
            self.is_done = True
            return []
        if not data.isascii():
            data = self._in_utf8(data)
        try:
            facts = peek_chunk(data)
        except UpstreamBadResponse:
            self._malformed += 1
            if self._malformed > MAX_MALFORMED_EVENTS:
                raise
            self.notes.append("upstream_malformed_events")
            return []
        if facts.error is not None or event.event == "error":
            raise judged(200, {}, _complaint(facts, data))
        if facts.finish_reason == _FAILED:
            raise _failed()
        return [Chunk(data.replace(b"\n", b" ") if b"\n" in data else data, facts)]

    def _in_utf8(self, data: bytes) -> bytes:
        repaired = _in_utf8(data)
        if repaired is not data and _REPLACED not in self.notes:
            self.notes.append(_REPLACED)
        return repaired


def _in_utf8(data: bytes) -> bytes:
    """The same bytes if they are UTF-8, else with U+FFFD for what is not."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace").encode()
    return data


def _complaint(facts: ChunkFacts, data: bytes) -> Complaint:
    return complaint_of(facts.error if facts.error is not None else msgspec.json.decode(data))


def _failed() -> UpstreamUnavailable:
    return UpstreamUnavailable("The provider gave up while it wrote the answer.")
