"""A conversation as turns: what vendors that demand alternation need, made of OpenAI's messages.

Rules. Every system and developer message goes to the system prompt, wherever it stood, in the order in which they came.
Adjacent messages of one side make one turn; results of tools are the user's side. Each call of a tool must have its
result in the turn after it, and each result its call in the turn before. Pure; the messages are not copied.
"""

from dataclasses import dataclass

from msgspec import UNSET, Struct, field

from server.chat.view import ChatView, Message, RawMember, ToolCall
from server.errors import RequestInvalid


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool in the history. `arguments` is the text that the model wrote, `path` where the call stands."""

    id: str
    name: str
    arguments: str
    path: str
    is_custom: bool = False
    extra_content: RawMember = UNSET


class Said(Struct, frozen=True):
    """A message and its place. `answers` is the id of the call whose result it is, `calls` what it calls itself."""

    index: int
    message: Message
    answers: str | None = None
    calls: tuple[Call, ...] = ()

    @property
    def path(self) -> str:
        """Where the message stands."""
        return f"messages[{self.index}]"


class Turn(Struct, frozen=True):
    """What one side says until the other speaks."""

    is_assistant: bool
    said: list[Said] = field(default_factory=list)

    @property
    def calls(self) -> list[Call]:
        """All calls of the turn."""
        return [call for said in self.said for call in said.calls]


class Conversation(Struct, frozen=True):
    """A conversation in turns, which alternate. `late_system` are the messages of `system` that came after a turn."""

    system: list[Said]
    turns: list[Turn]
    late_system: list[Said]


def read_conversation(view: ChatView) -> Conversation:
    """The conversation of a request.

    Raises RequestInvalid, whose `param` is the id's path, for a call without a result and for a result without a call.
    """
    system: list[Said] = []
    late: list[Said] = []
    turns: list[Turn] = []
    function_id: str | None = None
    for index, message in enumerate(view.messages):
        if message.role in ("system", "developer"):
            system.append(Said(index, message))
            if turns:
                late.append(system[-1])
            continue
        is_assistant = message.role == "assistant"
        said = Said(index, message, _answered(message, function_id), _calls(message, index) if is_assistant else ())
        if is_assistant:
            function_id = said.calls[0].id if message.function_call and said.calls else None
        if not turns or turns[-1].is_assistant is not is_assistant:
            turns.append(Turn(is_assistant))
        turns[-1].said.append(said)
    _check_results(turns)
    return Conversation(system, turns, late)


def _answered(message: Message, function_id: str | None) -> str | None:
    if message.role == "function":
        return function_id or f"function_{message.name or ''}"
    return message.tool_call_id if message.role == "tool" and isinstance(message.tool_call_id, str) else None


def _calls(message: Message, index: int) -> tuple[Call, ...]:
    path = f"messages[{index}]"
    calls = [
        _call(call, f"{path}.tool_calls[{place}]")
        for place, call in enumerate(message.tool_calls or ())
        if call.function or call.custom
    ]
    older = message.function_call
    if older and not calls:
        calls.append(Call(f"function_{index}", older.name, older.arguments, f"{path}.function_call"))
    return tuple(calls)


def _call(call: ToolCall, path: str) -> Call:
    if call.function:
        return Call(call.id, call.function.name, call.function.arguments, path, extra_content=call.extra_content)
    assert call.custom
    return Call(call.id, call.custom.name, call.custom.input, path, is_custom=True, extra_content=call.extra_content)


def _check_results(turns: list[Turn]) -> None:
    for place, turn in enumerate(turns):
        if turn.is_assistant:
            _check_calls(turn, turns[place + 1].said if place + 1 < len(turns) else [])
        else:
            _check_answers(turn, turns[place - 1].calls if place else [])


def _check_calls(turn: Turn, following: list[Said]) -> None:
    answered = {said.answers for said in following}
    for call in turn.calls:
        if call.id not in answered:
            raise RequestInvalid(
                f"The tool call {call.id!r} has no result: a message with the role 'tool' and that 'tool_call_id' must"
                " follow.",
                param=f"{call.path}.id",
            )


def _check_answers(turn: Turn, before: list[Call]) -> None:
    called = {call.id for call in before}
    for said in turn.said:
        if said.answers is not None and said.answers not in called:
            path = f"{said.path}.tool_call_id"
            raise RequestInvalid(
                f"'{path}' is {said.answers!r}, but the message before calls no tool by that id.", param=path
            )
