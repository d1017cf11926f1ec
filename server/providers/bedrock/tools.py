"""Tools and which of them must be called, as Converse writes them; and the schema that an answer must fit."""

from dataclasses import dataclass, field
from typing import Final

import msgspec
from msgspec import Raw

from server.chat.model_facts import Knobs
from server.chat.request import ChatRequest
from server.chat.turns import Conversation
from server.chat.view import Function, Named, ResponseFormat, Tool, ToolChoice
from server.errors import ParamUnsupported
from server.providers.bedrock.content import marks_of
from server.providers.bedrock.families import Family
from server.providers.written import Made

_NO_PARAMETERS: Final[Made] = {"type": "object", "properties": {}}
_MEMBERS: Final = msgspec.json.Decoder(dict[str, Raw])


@dataclass(slots=True)
class Toolbox:
    """The member `toolConfig`, None where it is not sent.

    `is_forced`: a tool must be called. `extra` goes to `additionalModelRequestFields`.
    """

    config: Made | None = None
    is_forced: bool = False
    extra: Made = field(default_factory=dict)


def toolbox_of(request: ChatRequest, conversation: Conversation, family: Family, knobs: Knobs) -> Toolbox:
    """The tools of a request."""
    view = request.view
    tools: list[Made] = []
    for place, tool in enumerate(view.tools or ()):
        tools += _tool(request, tool, place)
    tools += [_spec(function) for function in view.functions or ()]
    called = dict.fromkeys(call.name for turn in conversation.turns for call in turn.calls)
    choice, is_none = _choice(request, knobs)
    if is_none and tools and not called:
        # Without tools none can be called, which is what was asked for.
        return Toolbox()
    if not tools and called:
        request.tell("tools are those that the history calls: the provider must know them.")
        tools = [_toolspec(name, {}, _NO_PARAMETERS) for name in called]
    elif is_none and tools:
        request.lose("tool_choice", "is auto: the provider cannot be kept from calling a tool once one was called.")
    if not tools:
        return Toolbox()
    box = Toolbox({"tools": tools})
    if choice is not None:
        assert box.config is not None
        box.config["toolChoice"] = choice
        box.is_forced = "auto" not in choice
    if view.parallel_tool_calls is False:
        _keep_apart(request, box, family, choice)
    return box


def _tool(request: ChatRequest, tool: Tool, place: int) -> list[Made]:
    if tool.type == "function" and tool.function:
        return [_spec(tool.function), *marks_of(tool.cache_control)]
    request.lose(f"tools[{place}]", "is not sent: the provider knows no such tool.")
    return []


def _spec(function: Function) -> Made:
    more: Made = {}
    if isinstance(function.description, str) and function.description:
        more["description"] = function.description
    if function.strict is True:
        more["strict"] = True
    return _toolspec(function.name, more, _schema(function.parameters))


def _toolspec(name: str, more: Made, schema: object) -> Made:
    return {"toolSpec": {"name": name, **more, "inputSchema": {"json": schema}}}


def _schema(raw: object) -> object:
    """The schema as it came, with an object at its root, which Converse demands."""
    if not isinstance(raw, Raw) or bytes(memoryview(raw)[:1]) != b"{":
        return _NO_PARAMETERS
    members = _MEMBERS.decode(raw)
    if members.get("type") == Raw(b'"object"'):
        return raw
    return {"type": "object", **members} if "type" not in members else _NO_PARAMETERS


def _choice(request: ChatRequest, knobs: Knobs) -> tuple[Made | None, bool]:
    """The member `toolChoice`, None for the usual one, and whether no tool may be called."""
    view = request.view
    word = view.tool_choice if view.tool_choice else view.function_call
    if isinstance(word, ToolChoice) and isinstance(word.function, Named):
        word = word.function
    if isinstance(word, ToolChoice):
        request.lose("tool_choice", "is not sent: the provider knows no such choice.")
        return None, False
    if isinstance(word, str) and word == "none":
        return None, True
    choice: Made | None = None
    if isinstance(word, Named):
        choice = {"tool": {"name": word.name}}
    elif word in ("required", "any"):
        choice = {"any": {}}
    if choice is not None and not knobs.forced_tools:
        request.lose("tool_choice", "is auto: the model cannot be made to call a tool.")
        choice = None
    return choice, False


def _keep_apart(request: ChatRequest, box: Toolbox, family: Family, choice: Made | None) -> None:
    """One call at a time, for the models that have a word for it."""
    if not family.keeps_calls_apart:
        request.lose("parallel_tool_calls", "is not sent: the model has no such parameter.")
        return
    kind = next(iter(choice), "auto") if choice else "auto"
    made: Made = {"type": kind, "disable_parallel_tool_use": True}
    if choice and isinstance(choice.get("tool"), dict):
        made |= msgspec.to_builtins(choice["tool"])
    box.extra["tool_choice"] = made


def text_format(request: ChatRequest, knobs: Knobs) -> Made | None:
    """The member `textFormat` of `outputConfig`; None where the answer may have any form."""
    wanted = request.view.response_format
    if not isinstance(wanted, ResponseFormat) or wanted.type != "json_schema" or not wanted.json_schema:
        return None
    if not knobs.schemas:
        raise ParamUnsupported("The model cannot be held to a schema ('response_format').", param="response_format")
    asked = wanted.json_schema
    schema = bytes(asked.schema).decode() if isinstance(asked.schema, Raw) else "{}"
    made: Made = {"schema": schema, "name": asked.name}
    if isinstance(asked.description, str):
        made["description"] = asked.description
    return {"type": "json_schema", "structure": {"jsonSchema": made}}
