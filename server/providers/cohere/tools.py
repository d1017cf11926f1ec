"""Tools and which of them must be called, as Cohere writes them; and the form of the answer."""

from typing import Final

import msgspec
from msgspec import Raw, Struct

from server.chat.request import ChatRequest
from server.chat.schemas import Narrowing, members_of, narrow
from server.chat.view import Function, Named, ResponseFormat, ToolChoice
from server.errors import ParamUnsupported
from server.providers.written import Made

SCHEMA: Final = Narrowing(
    keywords=frozenset(
        {
            "$defs",
            "$ref",
            "additionalProperties",
            "anyOf",
            "const",
            "default",
            "description",
            "enum",
            "format",
            "items",
            "pattern",
            "properties",
            "required",
            "title",
            "type",
        }
    ),
    renamed={"definitions": "$defs"},
)
"""The keywords of JSON schema that Cohere holds answers to."""

_NO_PARAMETERS: Final[Made] = {"type": "object", "properties": {}}
_WORDS: Final = {"required": "REQUIRED", "any": "REQUIRED", "none": "NONE"}


class _AllowedTool(Struct):
    name: str = ""
    function: Named | None = None


class _Allowed(Struct):
    mode: str = "auto"
    tools: list[_AllowedTool] = []


def tools_of(request: ChatRequest) -> Made:
    """The members `tools`, `tool_choice` and `strict_tools`, those of them that are sent."""
    view = request.view
    functions = []
    for place, tool in enumerate(view.tools or ()):
        if tool.type != "function" or not tool.function:
            request.lose(f"tools[{place}]", "is not sent: the provider knows no such tool.")
            continue
        if tool.cache_control:
            request.tell("cache_control is not sent: the provider keeps prompts by itself.")
        functions.append(tool.function)
    functions += view.functions or []
    if not functions:
        if view.tool_choice not in (msgspec.UNSET, None, "auto", "none"):
            request.tell("tool_choice is not sent: there are no functions.")
        return {}
    if view.parallel_tool_calls is False:
        request.lose("parallel_tool_calls", "is not sent: the provider calls as many tools at once as it likes.")
    names, word = _choice(request)
    kept = [function for function in functions if not names or function.name in names]
    made: Made = {"tools": [_declared(function) for function in kept or functions]}
    if word:
        made["tool_choice"] = word
    if "strict_tools" not in request.members and any(function.strict is True for function in kept):
        if all(function.strict is True and _demands_something(function) for function in kept):
            made["strict_tools"] = True
        else:
            request.lose("tools.strict", "is not sent: the provider is strict with all tools that demand something.")
    return made


def _demands_something(function: Function) -> bool:
    """Whether the schema has a member that must be there."""
    raw = function.parameters
    return isinstance(raw, Raw) and members_of(raw).get("required", Raw(b"[]")) != Raw(b"[]")


def _declared(function: Function) -> Made:
    made: Made = {"name": function.name}
    if isinstance(function.description, str):
        made["description"] = function.description
    raw = function.parameters
    made["parameters"] = raw if isinstance(raw, Raw) and members_of(raw) else _NO_PARAMETERS
    return {"type": "function", "function": made}


def _choice(request: ChatRequest) -> tuple[frozenset[str], str]:
    """The names of the tools that may be called, empty for all, and the provider's word for whether they must."""
    view = request.view
    asked = view.tool_choice if view.tool_choice else view.function_call
    if isinstance(asked, ToolChoice) and isinstance(asked.function, Named):
        asked = asked.function
    if isinstance(asked, Named):
        request.tell("tool_choice is sent as the one tool that may be called: the provider takes no names.")
        return frozenset({asked.name}), "REQUIRED"
    if isinstance(asked, ToolChoice) and isinstance(asked.allowed_tools, Raw):
        return _allowed(request, asked.allowed_tools)
    if isinstance(asked, ToolChoice) or (isinstance(asked, str) and asked not in (*_WORDS, "auto")):
        request.lose("tool_choice", "is not sent: the provider knows no such choice.")
        return frozenset(), ""
    return frozenset(), _WORDS.get(asked, "") if isinstance(asked, str) else ""


def _allowed(request: ChatRequest, raw: Raw) -> tuple[frozenset[str], str]:
    try:
        allowed = msgspec.json.decode(raw, type=_Allowed)
    except msgspec.DecodeError:
        request.lose("tool_choice", "is not sent: the provider knows no such choice.")
        return frozenset(), ""
    names = frozenset(tool.function.name if tool.function else tool.name for tool in allowed.tools)
    return names, "REQUIRED" if allowed.mode == "required" else ""


def form_of(request: ChatRequest, *, has_tools: bool) -> Made | None:
    """The member `response_format`; None where the answer may have any. Raises ParamUnsupported beside tools."""
    wanted = request.view.response_format
    if not isinstance(wanted, ResponseFormat) or wanted.type == "text":
        return None
    if wanted.type not in ("json_object", "json_schema"):
        request.lose("response_format", "is not sent: the provider knows no such form.")
        return None
    if has_tools:
        raise ParamUnsupported(
            "The provider takes no form of the answer beside tools ('response_format').", param="response_format"
        )
    made: Made = {"type": "json_object"}
    asked = wanted.json_schema
    if asked and isinstance(asked.schema, Raw):
        path = "response_format.json_schema"
        found = narrow(asked.schema, SCHEMA)
        for lost in found.lost:
            request.lose(f"{path}.schema.{lost}", "is sent in the description: the provider does not know it.")
        made["json_schema"] = found.schema
        if isinstance(asked.description, str):
            request.tell(f"{path}.description is not sent: the provider has no such parameter.")
    return made
