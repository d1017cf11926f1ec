"""Tools, which of them must be called, and the form of the answer, as the Responses API writes them."""

from typing import Final

import msgspec
from msgspec import UNSET, Raw

from server.chat.request import ChatRequest
from server.chat.view import CustomTool, Function, Named, ResponseFormat, Tool, ToolChoice
from server.providers.written import Made

OWN_TOOLS: Final = frozenset(
    {
        "apply_patch",
        "code_interpreter",
        "computer",
        "computer_use_preview",
        "file_search",
        "image_generation",
        "local_shell",
        "mcp",
        "namespace",
        "programmatic_tool_calling",
        "shell",
        "tool_search",
        "web_search",
        "web_search_2025_08_26",
        "web_search_preview",
        "web_search_preview_2025_03_11",
    }
)
"""Tools that OpenAI runs itself; they pass as they came."""

_MEMBERS: Final = msgspec.json.Decoder(dict[str, Raw])


def tools_of(request: ChatRequest) -> list[Made | Raw]:
    """The member `tools`, empty where there are none."""
    view = request.view
    made = [found for place, tool in enumerate(view.tools or ()) if (found := _tool(request, tool, place)) is not None]
    return [*made, *(_function(function) for function in view.functions or ())]


def _tool(request: ChatRequest, tool: Tool, place: int) -> Made | Raw | None:
    if tool.type == "function" and tool.function:
        return _function(tool.function)
    if tool.type == "custom" and tool.custom:
        return _custom(tool.custom)
    if tool.type in OWN_TOOLS:
        return request.raw_tools()[place]
    request.lose(f"tools[{place}]", "is not sent: the provider knows no such tool.")
    return None


def _function(function: Function) -> Made:
    # What is left out of a function is strict here, unlike in a chat completion.
    made: Made = {"type": "function", "name": function.name, "strict": function.strict is True}
    if isinstance(function.description, str):
        made["description"] = function.description
    made["parameters"] = function.parameters if isinstance(function.parameters, Raw) else None
    return made


def _custom(tool: CustomTool) -> Made:
    made: Made = {"type": "custom", "name": tool.name}
    if isinstance(tool.description, str):
        made["description"] = tool.description
    if isinstance(tool.format, Raw) and bytes(tool.format) != b"null":
        given = _MEMBERS.decode(tool.format)
        grammar = _MEMBERS.decode(given["grammar"]) if "grammar" in given else {}
        made["format"] = {"type": given.get("type", Raw(b'"text"')), **grammar}
    return made


def choice_of(request: ChatRequest) -> object:
    """The member `tool_choice`; None where the usual one holds."""
    view = request.view
    choice = view.tool_choice
    if isinstance(choice, str):
        return choice
    if isinstance(choice, ToolChoice):
        return _chosen(request, choice)
    older = view.function_call
    if isinstance(older, Named):
        return {"type": "function", "name": older.name}
    return older if isinstance(older, str) else None


def _chosen(request: ChatRequest, choice: ToolChoice) -> object:
    named = choice.function if choice.type == "function" else choice.custom if choice.type == "custom" else UNSET
    if isinstance(named, Named):
        return {"type": choice.type, "name": named.name}
    if choice.type == "allowed_tools" and isinstance(choice.allowed_tools, Raw):
        allowed = msgspec.json.decode(choice.allowed_tools, type=_Allowed)
        return {"type": choice.type, "mode": allowed.mode, "tools": [_named(tool) for tool in allowed.tools]}
    return request.members["tool_choice"]


class _Allowed(msgspec.Struct):
    mode: str = "auto"
    tools: list[dict[str, object]] = []


def _named(tool: dict[str, object]) -> Made:
    """A tool by its name, which stands in a member of its type in a chat completion."""
    inner = tool.get(str(tool.get("type")))
    return {"type": tool.get("type"), "name": inner.get("name")} if isinstance(inner, dict) else tool


def text_of(request: ChatRequest) -> Made | None:
    """The member `text`: the form of the answer, and how wordy it is."""
    view = request.view
    made: Made = {}
    wanted = view.response_format
    if isinstance(wanted, ResponseFormat):
        made["format"] = _format(wanted)
    if isinstance(view.verbosity, str):
        made["verbosity"] = view.verbosity
    return made or None


def _format(wanted: ResponseFormat) -> Made:
    schema = wanted.json_schema
    if wanted.type != "json_schema" or not schema:
        return {"type": wanted.type}
    made: Made = {"type": "json_schema", "name": schema.name}
    if isinstance(schema.description, str):
        made["description"] = schema.description
    made["schema"] = schema.schema if isinstance(schema.schema, Raw) else {}
    if schema.strict is not UNSET:
        made["strict"] = schema.strict
    return made
