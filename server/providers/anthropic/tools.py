"""Tools and which of them must be called, as Anthropic writes them; and the schema that an answer must fit."""

import re
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import Raw

from server.chat.model_facts import Knobs
from server.chat.request import ChatRequest
from server.chat.schemas import Narrowing, members_of, narrow
from server.chat.turns import Conversation
from server.chat.view import Function, Named, ResponseFormat, Tool, ToolChoice
from server.errors import ParamUnsupported
from server.providers.anthropic.content import Made, mark

STRICT: Final = Narrowing(
    keywords=frozenset(
        {
            "$defs",
            "$ref",
            "allOf",
            "anyOf",
            "const",
            "default",
            "description",
            "enum",
            "format",
            "items",
            "minItems",
            "properties",
            "required",
            "title",
            "type",
        }
    ),
    values={
        "format": frozenset(
            {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
        ),
        "minItems": frozenset({"0", "1"}),
    },
    renamed={"oneOf": "anyOf", "definitions": "$defs"},
    closes_objects=True,
)
"""What a schema may say where Anthropic holds the model to it."""

_NO_PARAMETERS: Final = {"type": "object", "properties": {}}
_OWN_TOOL: Final = re.compile(r"\w+_20\d{6}\Z")
_OWN_TOOLS: Final = frozenset({"mcp_toolset"})
_COMBINATORS: Final = ("anyOf", "oneOf", "allOf")
_WORDS: Final = {"auto": "auto", "required": "any", "any": "any", "none": "none"}
_REFUSED_TOOL: Final = "is not sent: the provider knows no such tool."


@dataclass(slots=True)
class Toolbox:
    """The members `tools` and `tool_choice`; None where they are not sent. `is_forced`: a tool must be called."""

    tools: list[Made | Raw] | None = None
    choice: Made | None = None

    @property
    def is_forced(self) -> bool:
        """Whether the model must call a tool."""
        return self.choice is not None and self.choice["type"] in ("any", "tool")


def toolbox_of(request: ChatRequest, conversation: Conversation, knobs: Knobs) -> Toolbox:
    """The tools of a request. Raises RequestInvalid or ParamUnsupported for what cannot be carried."""
    view = request.view
    allowed = _allowed(view.tool_choice)
    tools = [
        made
        for place, tool in enumerate(view.tools or ())
        if _is_allowed(tool, allowed) and (made := _tool(request, tool, place)) is not None
    ]
    tools += (_function(request, function, f"functions[{n}]") for n, function in enumerate(view.functions or ()))
    if not tools:
        return _of_history(request, conversation)
    return Toolbox(tools, _choice(request, knobs))


def output_format(request: ChatRequest, wanted: ResponseFormat, knobs: Knobs) -> Made | None:
    """The member `format` of `output_config`; None where the answer may have any form."""
    schema = wanted.json_schema
    if wanted.type != "json_schema" or not schema:
        return None
    if not knobs.schemas:
        raise ParamUnsupported("The model cannot be held to a schema ('response_format').", param="response_format")
    path = "response_format.json_schema"
    if isinstance(schema.description, str):
        request.tell(f"{path}.description is not sent: the provider has no such parameter.")
    raw = schema.schema if isinstance(schema.schema, Raw) else Raw(b"{}")
    return {"type": "json_schema", "schema": _narrowed(request, raw, f"{path}.schema")}


def _tool(request: ChatRequest, tool: Tool, place: int) -> Made | Raw | None:
    path = f"tools[{place}]"
    if tool.function and tool.type == "function":
        return mark(_function(request, tool.function, f"{path}.function"), tool.cache_control)
    if tool.type in _OWN_TOOLS or _OWN_TOOL.match(tool.type):
        return request.raw_tools()[place]
    request.lose(path, _REFUSED_TOOL)
    return None


def _function(request: ChatRequest, function: Function, path: str) -> Made:
    made: Made = {"name": function.name}
    if isinstance(function.description, str):
        made["description"] = function.description
    raw = function.parameters
    if not isinstance(raw, Raw) or not members_of(raw):
        made["input_schema"] = _NO_PARAMETERS
    elif function.strict is True:
        made["input_schema"] = _narrowed(request, raw, f"{path}.parameters")
    else:
        made["input_schema"] = _rooted(request, raw, f"{path}.parameters")
    if function.strict is True:
        made["strict"] = True
    return made


def _narrowed(request: ChatRequest, raw: Raw, path: str) -> object:
    found = narrow(raw, STRICT)
    for lost in found.lost:
        request.lose(f"{path}.{lost}", "is sent in the description: the provider does not hold the model to it.")
    return found.schema


def _rooted(request: ChatRequest, raw: Raw, path: str) -> object:
    """The schema as it came, with an object at its root, which Anthropic demands."""
    members = members_of(raw)
    combined = [name for name in _COMBINATORS if name in members]
    if members.get("type") == Raw(b'"object"') and not combined:
        return raw
    made: dict[str, object] = {**members, "type": "object"}
    told = []
    for name in combined:
        request.lose(f"{path}.{name}", "is sent in the description: the provider takes none at the root of a schema.")
        told.append(f"{name}: {bytes(members[name]).decode()}")
        del made[name]
    if told:
        before = members.get("description")
        text = msgspec.json.decode(before) if isinstance(before, Raw) else ""
        made["description"] = f"{text}\n\n{{{', '.join(told)}}}".strip()
    return made


def _choice(request: ChatRequest, knobs: Knobs) -> Made | None:
    choice = _named(request) or _worded(request)
    if choice is not None and choice["type"] in ("any", "tool") and not knobs.forced_tools:
        request.lose("tool_choice", "is auto: the model cannot be made to call a tool.")
        choice = {"type": "auto"}
    if request.view.parallel_tool_calls is False and (choice is None or choice["type"] != "none"):
        choice = {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
    return choice


def _worded(request: ChatRequest) -> Made | None:
    """The choice by a word; None for the usual one."""
    view = request.view
    word = view.tool_choice if isinstance(view.tool_choice, str) else None
    if word is None and isinstance(view.function_call, str):
        word = view.function_call
    if isinstance(view.tool_choice, ToolChoice) and view.tool_choice.type == "allowed_tools":
        word = _allowed_mode(view.tool_choice)
    if word is None:
        return None
    if word not in _WORDS:
        request.lose("tool_choice", "is not sent: the provider knows no such word.")
        return None
    return {"type": _WORDS[word]}


def _named(request: ChatRequest) -> Made | None:
    """The choice of one tool by its name."""
    view = request.view
    if isinstance(view.function_call, Named):
        return {"type": "tool", "name": view.function_call.name}
    if not isinstance(view.tool_choice, ToolChoice):
        return None
    if view.tool_choice.function:
        return {"type": "tool", "name": view.tool_choice.function.name}
    if view.tool_choice.type != "allowed_tools":
        request.lose("tool_choice", "is not sent: the provider knows no such choice.")
    return None


class _AllowedTool(msgspec.Struct):
    type: str = ""
    name: str = ""
    function: Named | None = None


class _Allowed(msgspec.Struct):
    mode: str = "auto"
    tools: list[_AllowedTool] = []


def _read_allowed(choice: ToolChoice) -> _Allowed:
    raw = choice.allowed_tools
    if not isinstance(raw, Raw):
        return _Allowed()
    try:
        return msgspec.json.decode(raw, type=_Allowed)
    except msgspec.DecodeError:
        return _Allowed()


def _allowed_mode(choice: ToolChoice) -> str:
    return _read_allowed(choice).mode


def _allowed(choice: object) -> frozenset[str] | None:
    """The names of the tools that may be called; None for all."""
    if not isinstance(choice, ToolChoice) or choice.type != "allowed_tools":
        return None
    return frozenset(tool.function.name if tool.function else tool.name for tool in _read_allowed(choice).tools)


def _is_allowed(tool: Tool, allowed: frozenset[str] | None) -> bool:
    return allowed is None or not tool.function or tool.function.name in allowed


def _of_history(request: ChatRequest, conversation: Conversation) -> Toolbox:
    """Without tools: those that the history calls, not to be called again, since Anthropic must know them."""
    if request.view.tool_choice not in (msgspec.UNSET, None, "none", "auto"):
        request.tell("tool_choice is not sent: there are no tools.")
    names = dict.fromkeys(call.name for turn in conversation.turns for call in turn.calls)
    if not names:
        return Toolbox()
    request.tell("tools are those that the history calls, and none may be called: the provider must know them.")
    return Toolbox([{"name": name, "input_schema": _NO_PARAMETERS} for name in names], {"type": "none"})
