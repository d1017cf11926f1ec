"""A package that teaches the gateway two vendors: Parrot, with a wire of its own, and Echo, which speaks OpenAI's.

This is what somebody else would publish: one module, and in its metadata an entry point of the group
`perpetuo.providers` that names `providers`. Parrot is asked at `/speak` with lines of "you" and "me", and the "rules".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
from msgspec import Struct

from server.chat.deployment import Candidate, Deployment
from server.chat.request import ChatRequest
from server.chat.turns import Said, read_conversation
from server.chat.unsent import lose_others
from server.chat.wire import Framing, WireRequest
from server.errors import ParamUnsupported, PerpetuoError, UpstreamBadResponse
from server.providers.dialect import Answer, Chunk, Event
from server.providers.openai import OpenAiDialect
from server.providers.provider import Provider
from server.providers.refusal import Complaint, judged
from server.providers.written import ChunkWriter, Made, whole_answer

ENDS = {"done": "stop", "full": "length"}
TAKEN = frozenset({"max_tokens", "max_completion_tokens"})


class Counted(Struct):
    """Parrot's usage."""

    heard: int = 0
    spoken: int = 0


class Spoken(Struct):
    """A whole answer, or an event of a stream."""

    id: str = ""
    says: str = ""
    why: str = ""
    counted: Counted | None = None


class Problem(Struct):
    """The body of a refusal."""

    problem: str = ""


def usage_of(counted: Counted | None) -> Made | None:
    """The usage as OpenAI counts it."""
    if counted is None:
        return None
    total = counted.heard + counted.spoken
    return {"prompt_tokens": counted.heard, "completion_tokens": counted.spoken, "total_tokens": total}


def line(who: str, said: Said) -> Made:
    """One line. Raises ParamUnsupported for content that is no text."""
    content = said.message.content
    if isinstance(content, list):
        if any(part.type != "text" for part in content):
            raise ParamUnsupported("Parrot takes texts only.", param=f"{said.path}.content")
        content = "".join(part.text for part in content if isinstance(part.text, str))
    return {"who": who, "says": content or ""}


def body_of(request: ChatRequest, model: str, *, is_stream: bool) -> bytes:
    """The request as Parrot takes it."""
    view = request.view
    conversation = read_conversation(view)
    lines = [line("rules", said) for said in conversation.system]
    for turn in conversation.turns:
        lines += (line("me" if turn.is_assistant else "you", said) for said in turn.said)
    made: Made = {"voice": model, "lines": lines, "live": is_stream}
    bounds = [bound for bound in (view.max_tokens, view.max_completion_tokens) if isinstance(bound, int)]
    if bounds:
        made["longest"] = min(bounds)
    lose_others(request, TAKEN)
    return msgspec.json.encode(made)


@dataclass(frozen=True, slots=True)
class ParrotDialect:
    """See `server.providers.dialect.Dialect`, whose verbs these are."""

    @property
    def name(self) -> str:
        return "parrot"

    @property
    def framing(self) -> Framing:
        return Framing.SSE

    def build(self, request: ChatRequest, candidate: Candidate, *, is_stream: bool) -> WireRequest:
        deployment = candidate.deployment
        body = body_of(request, candidate.model, is_stream=is_stream)
        headers = {"Content-Type": "application/json", "X-Parrot-Key": deployment.api_key}
        return WireRequest("POST", f"{deployment.base_url}/speak", headers, body, is_stream)

    def check(self, deployment: Deployment) -> WireRequest:
        return WireRequest("GET", f"{deployment.base_url}/voices", {"X-Parrot-Key": deployment.api_key}, b"")

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
        if status != 200:
            raise self.error(status, headers, body)
        try:
            spoken = msgspec.json.decode(body, type=Spoken)
        except msgspec.DecodeError:
            raise UpstreamBadResponse("Parrot's answer is not what it should be.") from None
        choice: Made = {
            "message": {"role": "assistant", "content": spoken.says},
            "finish_reason": ENDS.get(spoken.why, "stop"),
        }
        return whole_answer({"id": spoken.id, "model": ""}, choice, usage_of(spoken.counted))

    def is_stream(self, status: int, headers: Mapping[str, str]) -> bool:
        return status == 200 and headers.get("content-type", "").startswith("text/event-stream")

    def stream(self) -> "ParrotStream":
        return ParrotStream()

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> PerpetuoError:
        try:
            told = msgspec.json.decode(body, type=Problem).problem
        except msgspec.DecodeError:
            told = ""
        return judged(status, headers, Complaint(told))


class ParrotStream:
    """Reads one stream: pieces, then the reason and the usage."""

    def __init__(self) -> None:
        self.is_done = False
        self.notes: Sequence[str] = ()
        self._writer = ChunkWriter("", "")
        self._has_begun = False

    def feed(self, event: Event) -> list[Chunk]:
        try:
            spoken = msgspec.json.decode(event.data, type=Spoken)
        except msgspec.DecodeError:
            raise UpstreamBadResponse("Parrot's stream is not what it should be.") from None
        chunks = [] if self._has_begun else [self._writer.role()]
        self._has_begun = True
        if spoken.says:
            chunks.append(self._writer.write({"content": spoken.says}))
        if spoken.why:
            self.is_done = True
            chunks.append(self._writer.finish(ENDS.get(spoken.why, "stop"), {}))
            chunks.append(self._writer.usage(usage_of(spoken.counted), {}))
        return chunks


def providers() -> list[Provider]:
    """The rows; asked for once, when a gateway starts."""
    return [
        Provider("parrot", "Parrot", ParrotDialect(), "https://api.parrot.example", ("grey", "macaw"), "PARROT_KEY"),
        Provider(
            "echo", "Echo", OpenAiDialect(limit="max_tokens"), "https://api.echo.example/v1", ("bat",), "ECHO_KEY"
        ),
    ]
