"""The typed view of a Responses request: what the translation reads, of the kind that OpenAI documents.

Members that are not here are tolerated; the translation reports those that it cannot carry. A member that is absent is
UNSET, one that is null is None. `input` stays as it came: its items are read one by one.
"""

from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

Text: TypeAlias = str | UnsetType | None
Flag: TypeAlias = bool | UnsetType | None
RawMember: TypeAlias = Raw | UnsetType


class Piece(Struct, frozen=True, gc=False):
    """A piece of a message's content, or of a reasoning."""

    type: str
    text: Text = UNSET
    refusal: Text = UNSET
    image_url: Text = UNSET
    detail: Text = UNSET
    file_id: Text = UNSET
    file_data: Text = UNSET
    file_url: Text = UNSET
    filename: Text = UNSET
    input_audio: RawMember = UNSET


class Item(Struct, frozen=True, gc=False):
    """One item of the input; which members it needs depends on its `type`."""

    type: str = "message"
    role: Text = UNSET
    content: str | list[Piece] | UnsetType | None = UNSET
    id: Text = UNSET
    call_id: Text = UNSET
    name: Text = UNSET
    arguments: Text = UNSET
    input: Text = UNSET
    output: RawMember = UNSET
    summary: list[Piece] | UnsetType | None = UNSET
    encrypted_content: Text = UNSET
    extra_content: RawMember = UNSET


class ToolDefinition(Struct, frozen=True, gc=False):
    """A tool; one whose `type` is neither `function` nor `custom` is run by OpenAI itself."""

    type: str
    name: Text = UNSET
    description: Text = UNSET
    parameters: RawMember = UNSET
    strict: Flag = UNSET
    format: RawMember = UNSET


class Grammar(Struct, frozen=True, gc=False):
    """What a custom tool's input must be."""

    type: str
    syntax: Text = UNSET
    definition: Text = UNSET


class Named(Struct, frozen=True, gc=False):
    """A tool by its kind and name."""

    type: str
    name: Text = UNSET


class ToolChoice(Struct, frozen=True, gc=False):
    """Which tool to call, where it is not one of the words."""

    type: str
    name: Text = UNSET
    mode: Text = UNSET
    tools: list[Named] | UnsetType | None = UNSET


class TextFormat(Struct, frozen=True, gc=False):
    """The form of the answer."""

    type: str
    name: Text = UNSET
    schema: RawMember = UNSET
    description: Text = UNSET
    strict: Flag = UNSET


class TextConfig(Struct, frozen=True, gc=False):
    """The form of the answer and how wordy it is."""

    format: TextFormat | UnsetType | None = UNSET
    verbosity: Text = UNSET


class Reasoning(Struct, frozen=True, gc=False):
    """How much to reason, and what of it to show."""

    effort: Text = UNSET
    summary: Text = UNSET
    generate_summary: Text = UNSET


class ResponsesView(Struct, frozen=True, gc=False):
    """The request. Numbers are bounded as OpenAI documents them."""

    input: RawMember = UNSET
    model: Text = UNSET
    instructions: Text = UNSET
    max_output_tokens: Annotated[int, Meta(ge=1)] | UnsetType | None = UNSET
    max_tool_calls: Annotated[int, Meta(ge=1)] | UnsetType | None = UNSET
    temperature: Annotated[float, Meta(ge=0, le=2)] | UnsetType | None = UNSET
    top_p: Annotated[float, Meta(ge=0, le=1)] | UnsetType | None = UNSET
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | UnsetType | None = UNSET
    parallel_tool_calls: Flag = UNSET
    tools: list[ToolDefinition] | UnsetType | None = UNSET
    tool_choice: str | ToolChoice | UnsetType | None = UNSET
    text: TextConfig | UnsetType | None = UNSET
    reasoning: Reasoning | UnsetType | None = UNSET
    include: list[str] | UnsetType | None = UNSET
    truncation: Literal["auto", "disabled"] | UnsetType | None = UNSET
    background: Flag = UNSET
    store: Flag = UNSET
    previous_response_id: Text = UNSET
    stream: Flag = UNSET
