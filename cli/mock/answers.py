"""What is asked of the mock and what it answers, whatever the dialect; and what a dialect is to it. Pure.

Everything is fixed (ids and times too), so that answers can be compared and made beforehand.
"""

from collections.abc import Mapping
from typing import Any, Final, Protocol

import msgspec

ANSWER_ID: Final = "chatcmpl-mock"
CREATED: Final = 1_700_000_000
PROMPT_TOKENS: Final = 11
PLAIN_TEXT: Final = "Hello from the mock upstream."
MODELS: Final = ("gpt-4o-mini", "gpt-4o", "mock/ok")

Json = Mapping[str, Any]


class Asked(msgspec.Struct, gc=False):
    """What the mock reads of a request; everything else is only recorded."""

    model: str = ""
    stream: bool | None = None
    stream_options: dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None
    n: int | None = None
    messages: msgspec.Raw = msgspec.Raw(b"[]")

    @property
    def wants_usage(self) -> bool:
        """Whether the stream shall end with the usage."""
        return bool(self.stream_options and self.stream_options.get("include_usage"))

    @property
    def last_role(self) -> str:
        """Whose the last message is."""
        return str(self._last().get("role", ""))

    @property
    def begun(self) -> str:
        """What the assistant has said already, if the last message is the assistant's."""
        last = self._last()
        content = last.get("content")
        return content if last.get("role") == "assistant" and isinstance(content, str) else ""

    def _last(self) -> dict[str, Any]:
        messages = msgspec.json.decode(self.messages)
        last = messages[-1] if isinstance(messages, list) and messages else {}
        return last if isinstance(last, dict) else {}


class Message(msgspec.Struct, frozen=True, gc=False):
    """What is answered: pieces of text, or a tool call, of which `shape` says how it is odd.

    `finish` takes the place of the usual reason to end. `model` is what the answer calls its model.
    """

    pieces: tuple[str, ...] = ()
    tool: str | None = None
    arguments: str = "{}"
    shape: str = ""
    finish: str = ""
    model: str = ""

    @property
    def finish_reason(self) -> str:
        """OpenAI's finish reason."""
        return self.finish or ("stop" if self.tool is None else "tool_calls")

    @property
    def tokens(self) -> int:
        """How many tokens it counts."""
        return max(len(self.pieces), 1)


class Complaint(msgspec.Struct, frozen=True, gc=False):
    """An error to be told. What is empty is left to the dialect."""

    status: int
    type: str = ""
    code: str = ""
    message: str = ""
    param: str = ""

    @property
    def text(self) -> str:
        """The message, one of ours if none was asked for."""
        return self.message or f"The mock answers {self.status}."


class Event(msgspec.Struct, frozen=True, gc=False):
    """One event of a stream: its data, and its type where the dialect names one."""

    data: bytes
    name: str = ""


class Telling(msgspec.Struct, frozen=True, gc=False):
    """What the end of an answer tells."""

    has_finish: bool = True
    has_done: bool = True
    has_usage: bool = True


class Wire(Protocol):
    """A dialect, as far as the mock speaks it."""

    def whole(self, asked: Asked, message: Message, has_usage: bool) -> bytes:
        """The answer to a request that wants no stream."""

    def opening(self, asked: Asked, message: Message) -> list[Event]:
        """What a stream begins with, before any content."""

    def content(self, asked: Asked, message: Message) -> list[Event]:
        """The pieces of the answer."""

    def ending(self, asked: Asked, message: Message, telling: Telling) -> list[Event]:
        """What follows the last piece."""

    def done(self) -> list[Event]:
        """The mark of the end alone."""

    def empty(self, asked: Asked, message: Message) -> Event:
        """An event without content that may stand anywhere."""

    def first_empty(self, asked: Asked, message: Message) -> Event:
        """What a stream may begin with that is no part of the answer."""

    def error(self, complaint: Complaint) -> bytes:
        """An error body."""

    def error_event(self, complaint: Complaint, name: str) -> Event:
        """An error within a stream; `name` is its type if one was asked for."""


def words(text: str) -> tuple[str, ...]:
    """A text as tokens: each word with the blank before it."""
    first, *others = text.split(" ")
    return (first, *(f" {word}" for word in others))


def arguments_of(message: Message) -> Json:
    """The arguments of a call as an object, empty where they are none: not every dialect can write what is broken."""
    try:
        return msgspec.json.decode(message.arguments, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}


def first_tool(asked: Asked) -> str:
    """The name of the first function that the request offers."""
    offered = [each for tool in asked.tools or () for each in tool.get("functionDeclarations") or (tool,)]
    for tool in offered:
        function = tool.get("function", tool)
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            return str(function["name"])
    return "get_time"
