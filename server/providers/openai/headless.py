"""Chunks that come before the stream has said who answers, as what Azure's filters found in the prompt.

All chunks of one answer share id, time and model, so such a chunk waits for the next one and takes them from there.
"""

from typing import Final

import msgspec
from msgspec import Raw

from server.chat.answer import ChunkFacts, peek_chunk
from server.providers.dialect import Chunk

_HEAD: Final = ("id", "object", "created", "model")
_ENCODER: Final = msgspec.json.Encoder()
_MEMBERS: Final = msgspec.json.Decoder(dict[str, Raw])


class Headless:
    """Holds back chunks without a head until one has it. `is_empty`: none is held."""

    __slots__ = ("_held", "is_empty")

    def __init__(self) -> None:
        self._held: list[dict[str, Raw]] = []
        self.is_empty = True

    def holds(self, data: bytes, facts: ChunkFacts) -> bool:
        """Whether a chunk with these facts waits for its head: it has an empty id, and says nothing."""
        if facts.id != "" or facts.has_content or facts.finish_reason is not None or facts.usage is not None:
            return False
        members = _MEMBERS.decode(data)
        if members.get("choices") != Raw(b"[]"):
            return False
        self._held.append(members)
        self.is_empty = False
        return True

    def released(self, data: bytes) -> list[Chunk]:
        """The chunks that were held, with the head of the one that has come."""
        if not self._held:
            return []
        head = _MEMBERS.decode(data)
        told = {name: head[name] for name in _HEAD if name in head}
        made = [_ENCODER.encode(members | told) for members in self._held]
        self._held.clear()
        self.is_empty = True
        return [Chunk(chunk, peek_chunk(chunk)) for chunk in made]
