"""Contents that come in chunks, as texts: what was said, and what was thought.

The chunks are kept beside the texts in `extra_content.mistral.content`, pieces of one kind that follow each other as
one, so that a stream comes to what the whole answer is. Members of a chunk, a signature say, stay as they came.
"""

from typing import Final, Literal

import msgspec
from msgspec import Raw, Struct

Members = dict[str, Raw]

_ENCODER: Final = msgspec.json.Encoder()
_MEMBERS: Final = msgspec.json.Decoder(Members)
_LIST: Final = msgspec.json.Decoder(list[Raw])
_NOTHING: Final = (None, Raw(b"null"))


class _Piece(Struct, gc=False):
    text: str = ""


class _Chunk(Struct, gc=False):
    type: str = ""
    text: str = ""
    thinking: list[_Piece] | None = None


_CHUNK: Final = msgspec.json.Decoder(_Chunk)


class Contents:
    """Makes texts of the contents of one answer: whole, or event by event."""

    __slots__ = ("_kept", "_said")

    def __init__(self, said: Literal["message", "delta"]) -> None:
        self._said = said
        self._kept: dict[int, _Kept] = {}

    def flattened(self, data: bytes) -> bytes:
        """The answer or event with texts for contents, the same bytes if it has them already.

        Raises msgspec's errors for what is neither.
        """
        members = _MEMBERS.decode(data)
        choices = [_MEMBERS.decode(choice) for choice in _LIST.decode(members.get("choices", Raw(b"[]")))]
        changed = [self._choice(choice, place) for place, choice in enumerate(choices)]
        if not any(changed):
            return data
        members["choices"] = Raw(_ENCODER.encode(choices))
        return _ENCODER.encode(members)

    def _choice(self, choice: Members, place: int) -> bool:
        """Makes texts of one choice's contents, and tells whether it had to."""
        index = msgspec.json.decode(choice.get("index", Raw(b"%d" % place)), type=int)
        kept = self._kept.setdefault(index, _Kept())
        said = _MEMBERS.decode(choice[self._said]) if choice.get(self._said) not in _NOTHING else {}
        content = said.get("content", Raw(b"null"))
        if bytes(content).startswith(b"["):
            text, thought = kept.take(_LIST.decode(content))
            said["content"] = Raw(_ENCODER.encode(text))
            if thought:
                said["reasoning_content"] = Raw(_ENCODER.encode(thought))
        elif bytes(content).startswith(b'"'):
            kept.take([Raw(b'{"type":"text","text":' + bytes(content) + b"}")])
        # A mark of requests, which other vendors refuse in a history.
        is_changed = said.pop("prefix", None) is not None
        is_changed |= said.get("content", Raw(b"null")) != content
        if choice.get("finish_reason") not in _NOTHING and kept.is_worth_keeping:
            said["extra_content"] = Raw(_ENCODER.encode({"mistral": {"content": kept.chunks()}}))
            self._kept[index] = _Kept()
            is_changed = True
        if is_changed:
            choice[self._said] = Raw(_ENCODER.encode(said))
        return is_changed


class _Kept:
    """The chunks of one choice, of which those of one kind that follow each other are one."""

    __slots__ = ("_chunks", "is_worth_keeping")

    def __init__(self) -> None:
        self._chunks: list[tuple[str, str, Members]] = []
        self.is_worth_keeping = False

    def take(self, chunks: list[Raw]) -> tuple[str, str]:
        """Keeps some more chunks; their text, and what they thought."""
        text, thought = "", ""
        for raw in chunks:
            chunk, members = _CHUNK.decode(raw), _MEMBERS.decode(raw)
            self.is_worth_keeping = self.is_worth_keeping or chunk.type != "text"
            piece = chunk.text
            if chunk.type == "thinking":
                piece = "".join(each.text for each in chunk.thinking or ())
                thought += piece
            elif chunk.type == "text":
                text += piece
            self._keep(chunk.type, piece, members)
        return text, thought

    def _keep(self, kind: str, piece: str, members: Members) -> None:
        if kind not in ("text", "thinking"):
            self._chunks.append((kind, "", members))
        elif self._chunks and self._chunks[-1][0] == kind:
            _, before, known = self._chunks[-1]
            self._chunks[-1] = (kind, before + piece, known | members)
        elif piece or len(members) > 2:
            self._chunks.append((kind, piece, members))

    def chunks(self) -> list[Members]:
        """All of them, as the vendor would have written them at once."""
        made = []
        for kind, text, members in self._chunks:
            if kind == "thinking":
                members = members | {"thinking": Raw(_ENCODER.encode([{"type": "text", "text": text}]))}
            elif kind == "text":
                members = members | {"text": Raw(_ENCODER.encode(text))}
            made.append(members)
        return made
