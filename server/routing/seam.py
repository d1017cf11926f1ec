"""Where a stream that broke is joined to the one that goes on with it, so that its reader sees one.

Pure: chunks in OpenAI's shape. Nothing that was said is said again, and nothing is lost: a provider may repeat what it
was to go on with, and what it gets ends without blanks, which it then may say once more.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from server.chat.answer import ChunkFacts, peek_chunk
from server.chat.usage import Usage
from server.providers.dialect import Chunk

MAX_SAID_CHARS: Final = 1_000_000
"""A longer text is not gone on with."""

Members: TypeAlias = dict[str, Raw]

_ENCODER: Final = msgspec.json.Encoder()
_MEMBERS: Final = msgspec.json.Decoder(Members)
_CHOICES: Final = msgspec.json.Decoder(list[Members])
_TEXT: Final = msgspec.json.Decoder(str)
_EMPTY: Final = (b"null", b'""', b"[]", b"{}")
_IDENTITY: Final = ("id", "created", "model", "system_fingerprint")
_PLAIN: Final = frozenset({"role", "content", "annotations"})
_KEPT: Final = frozenset({"content", "refusal", "tool_calls", "function_call", "annotations"})


class _Choice(Struct, gc=False):
    delta: Members | None = None


class _Chunk(Struct, gc=False):
    choices: list[_Choice] | None = None
    native: Raw | UnsetType = UNSET


_CHUNK: Final = msgspec.json.Decoder(_Chunk)


class Said:
    """What an answer has said so far. `is_plain`: nothing but text, not too much of it, and not in another form."""

    __slots__ = ("_pieces", "_size", "is_plain")

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._size = 0
        self.is_plain = True

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self._pieces)

    def take(self, chunk: Chunk) -> None:
        """Takes a chunk that went out."""
        if not chunk.facts.has_content or not self.is_plain:
            return
        decoded = _CHUNK.decode(chunk.data)
        self.is_plain = decoded.native is UNSET
        for choice in decoded.choices or ():
            for name, value in (choice.delta or {}).items():
                if bytes(value) in _EMPTY:
                    continue
                if name == "content":
                    self._say(value)
                self.is_plain = self.is_plain and name in _PLAIN

    def _say(self, value: Raw) -> None:
        try:
            text = _TEXT.decode(value)
        except msgspec.DecodeError:
            self.is_plain = False
            return
        self._pieces.append(text)
        self._size += len(text)
        self.is_plain = self.is_plain and self._size <= MAX_SAID_CHARS


class Seam:
    """Joins one stream to `said`. `prefill` is what its provider gets: the same without the blanks at its end."""

    def __init__(self, said: str, identity: Mapping[str, Raw], spent: Usage, *, echoes: bool) -> None:
        """`identity` are the members of the stream's first chunk, `spent` is what it has cost so far."""
        self.prefill = said.rstrip()
        self._blanks = said[len(self.prefill) :]
        self._echo = self.prefill if echoes else ""
        self._waiting = ""
        self._identity = identity
        self._spent = spent

    def join(self, chunk: Chunk) -> Chunk | None:
        """The chunk as a part of the stream that broke; None if it has nothing to say there."""
        members = _MEMBERS.decode(chunk.data)
        choices = [self._choice(choice, chunk.facts) for choice in _CHOICES.decode(members.get("choices", b"[]"))]
        told = chunk.facts.usage is not None and not chunk.facts.usage.is_estimated
        has_content = any(choice is not None and choice[1] for choice in choices)
        if not (has_content or chunk.facts.finish_reason or told):
            return None
        for name in _IDENTITY:
            members.pop(name, None)
        members = {**self._identity, **members}
        members["choices"] = Raw(_ENCODER.encode([choice[0] for choice in choices if choice is not None]))
        if chunk.facts.usage is not None and told:
            members["usage"] = Raw(_ENCODER.encode(usage_member(summed(self._spent, chunk.facts.usage))))
        data = _ENCODER.encode(members)
        return Chunk(data, _facts(peek_chunk(data), told))

    def _choice(self, choice: Members, facts: ChunkFacts) -> tuple[Members, bool] | None:
        """A choice without what was said already, and whether it says anything."""
        delta = {name: raw for name, raw in _MEMBERS.decode(choice.get("delta", b"{}")).items() if name in _KEPT}
        content = delta.pop("content", None)
        text = "" if content is None or bytes(content) == b"null" else self._new(_TEXT.decode(content))
        if facts.finish_reason or delta:
            text += self._rest()
        if text:
            delta = {"content": Raw(_ENCODER.encode(text)), **delta}
        return {**choice, "delta": Raw(_ENCODER.encode(delta))}, any(bytes(raw) not in _EMPTY for raw in delta.values())

    def _new(self, text: str) -> str:
        """What of a text was not said yet."""
        if self._echo:
            self._waiting += text
            if self._echo.startswith(self._waiting):
                return ""
            text = self._rest()
        if self._blanks:
            count = next(
                (at for at, pair in enumerate(zip(text, self._blanks, strict=False)) if pair[0] != pair[1]), -1
            )
            count = min(len(text), len(self._blanks)) if count < 0 else count
            self._blanks = self._blanks[count:] if count == len(text) else ""
            return text[count:]
        return text

    def _rest(self) -> str:
        """What waits because it may be said already, now that it is known."""
        waiting, echo = self._waiting, self._echo
        self._waiting = self._echo = ""
        return waiting.removeprefix(echo) if echo else waiting


def identity_of(chunk: Chunk) -> Members:
    """The members of a chunk that all chunks of one stream share."""
    members = _MEMBERS.decode(chunk.data)
    return {name: members[name] for name in _IDENTITY if name in members}


def _facts(facts: ChunkFacts, told: bool) -> ChunkFacts:
    """The facts of a chunk of ours."""
    return facts if told else msgspec.structs.replace(facts, usage=None, is_usage_only=False)


def summed(one: Usage, other: Usage) -> Usage:
    """What two calls took together, bucket by bucket; the tier is the later one's."""
    return msgspec.structs.replace(
        other,
        input_tokens=one.input_tokens + other.input_tokens,
        cache_read_tokens=one.cache_read_tokens + other.cache_read_tokens,
        cache_write_tokens=one.cache_write_tokens + other.cache_write_tokens,
        output_tokens=one.output_tokens + other.output_tokens,
        reasoning_tokens=one.reasoning_tokens + other.reasoning_tokens,
        is_estimated=one.is_estimated or other.is_estimated,
        cache_write_1h_tokens=one.cache_write_1h_tokens + other.cache_write_1h_tokens,
        audio_input_tokens=one.audio_input_tokens + other.audio_input_tokens,
        audio_cache_read_tokens=one.audio_cache_read_tokens + other.audio_cache_read_tokens,
        audio_output_tokens=one.audio_output_tokens + other.audio_output_tokens,
    )


def usage_member(usage: Usage) -> dict[str, object]:
    """Usage in OpenAI's form."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }
