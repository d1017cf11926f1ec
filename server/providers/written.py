"""Writes answers and chunks in OpenAI's shape, for dialects whose wire is another.

What is written here is canonical, so its facts are known and need not be read again. `created` is 0 where the vendor
does not tell the time.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Raw

from server.chat.answer import ChunkFacts, peek_answer
from server.chat.reported import read_usage
from server.chat.usage import Usage
from server.providers.dialect import Answer, Chunk

Made = dict[str, object]

_ENCODER: Final = msgspec.json.Encoder()


class ChunkWriter:
    """Writes the chunks of one answer with one choice."""

    __slots__ = ("_created", "_head", "_id", "_model")

    def __init__(self, answer_id: str, model: str, created: int = 0) -> None:
        self._id = answer_id
        self._model = model
        self._created = created
        self._head = _ENCODER.encode(self._common())[:-1] + b',"choices":[{"index":0,"delta":'

    def _common(self) -> Made:
        return {"id": self._id, "object": "chat.completion.chunk", "created": self._created, "model": self._model}

    def role(self) -> Chunk:
        """The first chunk, which says who speaks and nothing else."""
        return self.write({"role": "assistant", "content": ""}, has_content=False)

    def write(self, delta: Mapping[str, object], *, has_content: bool = True, more: Made | None = None) -> Chunk:
        """A chunk; `more` are members of its choice, as log-probabilities."""
        tail = b',"finish_reason":null' if not more else b"," + _ENCODER.encode({"finish_reason": None, **more})[1:-1]
        data = self._head + _ENCODER.encode(delta) + tail + b"}]}"
        return Chunk(data, ChunkFacts(self._id, self._model, has_content, None, None, False))

    def finish(self, reason: str, more: Made, delta: Mapping[str, object] | None = None) -> Chunk:
        """The chunk that ends the choice; `more` are members of the choice, `delta` what comes only at the end."""
        tail = b"," + _ENCODER.encode({"finish_reason": reason, **more})[1:]
        data = self._head + _ENCODER.encode(delta or {}) + tail + b"]}"
        return Chunk(data, ChunkFacts(self._id, self._model, False, reason, None, False))

    def usage(self, usage: Made | None, more: Made) -> Chunk:
        """The chunk without choices that ends the stream; `more` are members of the answer, as its tier."""
        members: Made = {**self._common(), "choices": [], **more}
        if usage is not None:
            members["usage"] = usage
        read = _read(usage, more.get("service_tier"))
        return Chunk(_ENCODER.encode(members), ChunkFacts(self._id, self._model, False, None, read, read is not None))


def whole_answer(answer: Made, choice: Made, usage: Made | None, notes: tuple[str, ...] = ()) -> Answer:
    """An answer with one choice. `answer` are its members: `id` and `model` at least."""
    members: Made = {
        "object": "chat.completion",
        "created": 0,
        **answer,
        "choices": [{"index": 0, **choice}],
    }
    if usage is not None:
        members["usage"] = usage
    body = _ENCODER.encode(members)
    return Answer(body, peek_answer(body), notes)


def url_citation(url: str, title: str, place: tuple[int, int]) -> Made:
    """A citation of an address in OpenAI's form; `place` is where in the text it stands, from and to."""
    cited = {"url": url, "title": title, "start_index": place[0], "end_index": place[1]}
    return {"type": "url_citation", "url_citation": cited}


def _read(usage: Made | None, tier: object) -> Usage | None:
    if usage is None:
        return None
    return read_usage(Raw(_ENCODER.encode(usage)), Raw(_ENCODER.encode(tier)))
