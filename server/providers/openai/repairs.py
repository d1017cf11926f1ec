"""What vendors write otherwise than OpenAI in answers, put right: finish reasons, tool calls, roles, reasoning, usage.

An answer in which nothing is amiss stays byte for byte as it came; in one that must change, so does every other member.
Facts are OpenAI's types of answers, and what vendors document of their own.
"""

import hashlib
from collections.abc import MutableSequence
from typing import Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Raw, UnsetType

from server.errors import UpstreamUnavailable
from server.providers.openai.usage import usage_in_form
from server.providers.openai.vendor import FINISH_REASONS, OPENAI_FINISH_REASONS, UsageForm

Members: TypeAlias = dict[str, Raw]
Said: TypeAlias = Literal["message", "delta"]


class _Said(msgspec.Struct):
    role: Raw | UnsetType = UNSET
    tool_calls: Raw | UnsetType = UNSET


class _Choice(msgspec.Struct):
    index: int = 0
    delta: _Said = msgspec.field(default_factory=_Said)
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []


_CHUNK: Final = msgspec.json.Decoder(_Chunk)
_ENCODER: Final = msgspec.json.Encoder()
_MEMBERS: Final = msgspec.json.Decoder(Members)
_LIST: Final = msgspec.json.Decoder(list[Raw])
_WORD: Final = msgspec.json.Decoder(str)
_NUMBER: Final = msgspec.json.Decoder(int)
_NOTHING: Final = (Raw(b"null"), Raw(b'""'), Raw(b"[]"))
_ID_BYTES: Final = 9
_FAILED: Final = "error"


class Repairs:
    """Puts right one answer: whole, or chunk by chunk. `notes` gets what was odd.

    `reasoning_name` is how the vendor calls the text of the reasoning.
    """

    __slots__ = ("_called", "_calls", "_finished", "_name", "_notes", "_said", "_speaking", "_usage")

    def __init__(self, said: Said, reasoning_name: str, usage: UsageForm | None, notes: MutableSequence[str]) -> None:
        self._said: Said = said
        self._name = reasoning_name
        self._usage = usage
        self._notes = notes
        # Choices by their index: those whose role was told, that called a tool, that have ended; and the calls of each.
        self._speaking: set[int] = set()
        self._called: set[int] = set()
        self._finished: set[int] = set()
        self._calls: dict[int, _Calls] = {}

    def repaired(self, data: bytes) -> bytes:
        """The answer or chunk as OpenAI would write it; the same bytes when it is so already.

        Raises UpstreamUnavailable when the vendor says that it failed, msgspec's errors for what is not an answer.
        """
        if self._said == "delta" and self._usage is None and self._name == "reasoning_content" and self._is_right(data):
            return data
        members = _MEMBERS.decode(data)
        choices = members.get("choices", _NOTHING[0])
        is_changed = False
        if choices not in _NOTHING:
            made = [_MEMBERS.decode(choice) for choice in _LIST.decode(choices)]
            for place, choice in enumerate(made):
                if self._said == "message" and "index" not in choice:
                    choice["index"] = Raw(_ENCODER.encode(place))
                    is_changed = True
                is_changed |= self._choice(choice, members)
            if is_changed:
                members["choices"] = Raw(_ENCODER.encode(made))
        usage = None if self._usage is None else usage_in_form(self._usage, members)
        if usage is not None:
            members["usage"] = usage
        return _ENCODER.encode(members) if is_changed or usage is not None else data

    def _is_right(self, data: bytes) -> bool:
        """Whether nothing is amiss in a chunk of one choice; its role and its end are noted then.

        Tool calls and usage are no matter of this, nor is a chunk that has the shape of none.
        """
        try:
            choices = _CHUNK.decode(data).choices
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        if len(choices) != 1 or choices[0].delta.tool_calls is not UNSET:
            return False
        choice = choices[0]
        index, word, has_role = choice.index, choice.finish_reason, choice.delta.role is not UNSET
        if (has_role and index in self._speaking) or (word and not self._is_usual_end(word, index)):
            return False
        if has_role:
            self._speaking.add(index)
        if word:
            self._finished.add(index)
        return True

    def _is_usual_end(self, word: str, index: int) -> bool:
        is_fit = word in OPENAI_FINISH_REASONS and (word == "tool_calls") is (index in self._called)
        return is_fit and index not in self._finished

    def _choice(self, choice: Members, answer: Members) -> bool:
        """Puts a choice right, and tells whether it had to."""
        raw = choice.get(self._said, _NOTHING[0])
        index = _number(choice.get("index"))
        said = {} if raw in _NOTHING else _MEMBERS.decode(raw)
        is_changed = self._role(said, index)
        is_changed |= self._reasoning(said)
        is_changed |= self._tools(said, index, answer)
        if is_changed:
            choice[self._said] = Raw(_ENCODER.encode(said))
        return self._finish(choice, index) or is_changed

    def _role(self, said: Members, index: int) -> bool:
        """A role stands in every message, and in the first delta only: clients join the texts of deltas."""
        if self._said == "message":
            if "role" in said or not said:
                return False
            said["role"] = Raw(b'"assistant"')
            return True
        if "role" not in said:
            return False
        if index in self._speaking:
            del said["role"]
            return True
        self._speaking.add(index)
        return False

    def _reasoning(self, said: Members) -> bool:
        """The text of the reasoning under the name that every client knows; the vendor's own stays beside it."""
        if self._name == "reasoning_content" or said.get("reasoning_content", _NOTHING[0]) not in _NOTHING:
            return False
        text = said.get(self._name, _NOTHING[0])
        if text in _NOTHING or not bytes(text).startswith(b'"'):
            return False
        said["reasoning_content"] = text
        return True

    def _tools(self, said: Members, index: int, answer: Members) -> bool:
        raw = said.get("tool_calls", _NOTHING[0])
        if raw in _NOTHING:
            return False
        self._called.add(index)
        calls = self._calls.get(index)
        if calls is None:
            calls = self._calls[index] = _Calls(_name_of(answer, index), is_whole=self._said == "message")
        made = [_MEMBERS.decode(call) for call in _LIST.decode(raw)]
        is_changed = False
        for call in made:
            is_changed |= calls.complete(call)
        if is_changed:
            said["tool_calls"] = Raw(_ENCODER.encode(made))
        return is_changed

    def _finish(self, choice: Members, index: int) -> bool:
        """One finish reason for each choice, in OpenAI's words."""
        raw = choice.get("finish_reason", _NOTHING[0])
        if raw in _NOTHING:
            return False
        if index in self._finished:
            choice["finish_reason"] = _NOTHING[0]
            return True
        self._finished.add(index)
        word = _WORD.decode(raw) if bytes(raw).startswith(b'"') else bytes(raw).decode()
        told = self._reason(word)
        if index in self._called and told == "stop":
            told = "tool_calls"
        elif told == "tool_calls" and index not in self._called:
            told = "stop"
        if told == word:
            return False
        choice["finish_reason"] = Raw(_ENCODER.encode(told))
        choice.setdefault("native_finish_reason", Raw(_ENCODER.encode(word)))
        return True

    def _reason(self, word: str) -> str:
        if word in OPENAI_FINISH_REASONS:
            return word
        told = FINISH_REASONS.get(word.lower())
        if told == _FAILED:
            raise UpstreamUnavailable("The provider gave up while it wrote the answer.")
        if told is None:
            self._notes.append(f"The provider ended the answer for a reason that is not known: {word[:40]}.")
        return told or "stop"


class _Calls:
    """The tool calls of one choice: each has an index of its own, and an id from its first fragment on."""

    __slots__ = ("_ids", "_is_whole", "_last", "_moved", "_stem")

    def __init__(self, stem: str, *, is_whole: bool) -> None:
        self._stem = stem
        self._is_whole = is_whole
        self._ids: dict[int, str] = {}
        self._moved: dict[int, int] = {}
        self._last = -1

    def complete(self, call: Members) -> bool:
        """Gives a call what it lacks, and tells whether it lacked anything."""
        own = call.get("id", _NOTHING[0])
        own_id = _WORD.decode(own) if own not in _NOTHING and bytes(own).startswith(b'"') else ""
        told = call.get("index", _NOTHING[0])
        index = self._index(call, own_id)
        is_changed = False
        if not self._is_whole and (told in _NOTHING or _number(told) != index):
            call["index"] = Raw(_ENCODER.encode(index))
            is_changed = True
        is_new = index not in self._ids
        if is_new:
            self._ids[index] = own_id or f"call_{self._stem}{index}"
        self._last = index
        if (is_new or self._is_whole) and not own_id:
            call["id"] = Raw(_ENCODER.encode(self._ids[index]))
            is_changed = True
        if is_new and call.get("type", _NOTHING[0]) in _NOTHING and "custom" not in call:
            call["type"] = Raw(b'"function"')
            is_changed = True
        return is_changed

    def _index(self, call: Members, own_id: str) -> int:
        """Its own index; without one that of the call of the same id, of the last call, or the next."""
        raw = call.get("index", _NOTHING[0])
        is_named = b'"name"' in bytes(call.get("function", b""))
        if raw in _NOTHING or self._is_whole:
            known = next((index for index, call_id in self._ids.items() if call_id == own_id), None)
            if known is not None:
                return known
            return self._last + 1 if self._is_whole or own_id or is_named or self._last < 0 else self._last
        told = _number(raw)
        index = self._moved.get(told, told)
        if is_named and own_id and self._ids.get(index, own_id) != own_id:
            # Another call under the index of an earlier one: what follows under it belongs to the new one.
            index = self._moved[told] = max(self._ids) + 1
        return index


def _number(raw: Raw | None) -> int:
    return 0 if raw is None or raw in _NOTHING else _NUMBER.decode(raw)


def _name_of(answer: Members, index: int) -> str:
    """Letters and digits that are the same throughout an answer, and others in each answer and choice."""
    told = bytes(answer.get("id", b"")) + bytes(answer.get("created", b"")) + index.to_bytes(4, "big")
    return hashlib.blake2s(told, digest_size=_ID_BYTES).hexdigest()
