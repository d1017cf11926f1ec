"""Tools and which of them must be called, as Gemini writes them; and schemas."""

from typing import Final

import msgspec
from msgspec import Raw, Struct

from server.chat.request import ChatRequest
from server.chat.schemas import Narrowing, members_of, narrow
from server.chat.view import Function, Named, Tool, ToolChoice
from server.providers.google.content import Made

SCHEMA: Final = Narrowing(
    keywords=frozenset(
        {
            "$anchor",
            "$defs",
            "$id",
            "$ref",
            "additionalProperties",
            "anyOf",
            "description",
            "enum",
            "format",
            "items",
            "maxItems",
            "maximum",
            "minItems",
            "minimum",
            "oneOf",
            "prefixItems",
            "properties",
            "propertyOrdering",
            "required",
            "title",
            "type",
        }
    ),
    renamed={"definitions": "$defs"},
)
"""The keywords of JSON schema that Gemini documents."""

_OWN_TOOLS: Final = {
    "google_search": "googleSearch",
    "url_context": "urlContext",
    "code_execution": "codeExecution",
    "google_maps": "googleMaps",
    "computer_use": "computerUse",
    "file_search": "fileSearch",
}
_MODES: Final = {"auto": "AUTO", "required": "ANY", "any": "ANY", "none": "NONE"}


def tools_of(request: ChatRequest) -> list[Made]:
    """The member `tools`: all functions in one, then the provider's own."""
    view = request.view
    functions: list[Made] = []
    others: list[Made] = []
    for place, tool in enumerate(view.tools or ()):
        path = f"tools[{place}]"
        if tool.function and tool.type == "function":
            functions.append(_declared(request, tool.function, f"{path}.function"))
            if tool.cache_control:
                request.tell(f"{path}.cache_control is not sent: the provider keeps prompts by itself.")
        elif tool.type in _OWN_TOOLS:
            others.append({_OWN_TOOLS[tool.type]: _settings(request.raw_tools()[place], tool.type)})
        else:
            request.lose(path, "is not sent: the provider knows no such tool.")
    functions += (_declared(request, function, f"functions[{n}]") for n, function in enumerate(view.functions or ()))
    declared: list[Made] = [{"functionDeclarations": functions}] if functions else []
    return declared + others


def schema_of(request: ChatRequest, raw: Raw, path: str) -> object:
    """A schema with the keywords that Gemini knows; the others are noted."""
    found = narrow(raw, SCHEMA)
    for lost in found.lost:
        request.lose(f"{path}.{lost}", "is sent in the description: the provider does not know it.")
    return found.schema


def choice_of(request: ChatRequest, tools: list[Made]) -> Made | None:
    """The member `functionCallingConfig`; None where the model may choose."""
    view = request.view
    if not any("functionDeclarations" in tool for tool in tools):
        if view.tool_choice not in (msgspec.UNSET, None, "auto", "none"):
            request.tell("tool_choice is not sent: there are no functions.")
        return None
    if view.parallel_tool_calls is False:
        request.lose("parallel_tool_calls", "is not sent: the provider calls as many tools at once as it likes.")
    made = _allowed(view.tool_choice) or _named(request) or _worded(request)
    is_strict = any(isinstance(tool, Tool) and tool.function and tool.function.strict for tool in view.tools or ())
    if is_strict and (made is None or made == {"mode": "AUTO"}):
        return {"mode": "VALIDATED"}
    return made


def _declared(request: ChatRequest, function: Function, path: str) -> Made:
    made: Made = {"name": function.name}
    if isinstance(function.description, str):
        made["description"] = function.description
    raw = function.parameters
    if isinstance(raw, Raw) and members_of(raw):
        made["parametersJsonSchema"] = schema_of(request, raw, f"{path}.parameters")
    return made


def _settings(raw: Raw, kind: str) -> object:
    """The settings of a tool of the provider's own, under its name; none if it has none."""
    return msgspec.json.decode(raw, type=dict[str, Raw]).get(kind, {})


def _worded(request: ChatRequest) -> Made | None:
    view = request.view
    word = view.tool_choice if isinstance(view.tool_choice, str) else view.function_call
    if not isinstance(word, str):
        return None
    if word not in _MODES:
        request.lose("tool_choice", "is not sent: the provider knows no such word.")
        return None
    return {"mode": _MODES[word]}


def _named(request: ChatRequest) -> Made | None:
    view = request.view
    if isinstance(view.function_call, Named):
        return {"mode": "ANY", "allowedFunctionNames": [view.function_call.name]}
    if not isinstance(view.tool_choice, ToolChoice):
        return None
    if view.tool_choice.function:
        return {"mode": "ANY", "allowedFunctionNames": [view.tool_choice.function.name]}
    request.lose("tool_choice", "is not sent: the provider knows no such choice.")
    return None


class _AllowedTool(Struct):
    name: str = ""
    function: Named | None = None


class _Allowed(Struct):
    mode: str = "auto"
    tools: list[_AllowedTool] = []


def _allowed(choice: object) -> Made | None:
    """A choice among some of the tools: of those, by the schema, or one of them for certain."""
    if not isinstance(choice, ToolChoice) or not isinstance(choice.allowed_tools, Raw):
        return None
    try:
        allowed = msgspec.json.decode(choice.allowed_tools, type=_Allowed)
    except msgspec.DecodeError:
        return None
    names = [tool.function.name if tool.function else tool.name for tool in allowed.tools]
    return {"mode": "ANY" if allowed.mode == "required" else "VALIDATED", "allowedFunctionNames": names}
