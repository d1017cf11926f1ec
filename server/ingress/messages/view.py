"""The typed view of a Messages request: what the translation reads, of the kind that Anthropic documents.

Members that are not here are tolerated; the translation reports those that it cannot carry. A member that is absent is
UNSET, one that is null is None.
"""

from typing import Annotated, TypeAlias

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

Text: TypeAlias = str | UnsetType | None
Flag: TypeAlias = bool | UnsetType | None
RawMember: TypeAlias = Raw | UnsetType
Share: TypeAlias = Annotated[float, Meta(ge=0, le=1)] | UnsetType | None


class Block(Struct, frozen=True, gc=False):
    """One block of a turn; which members it needs depends on its `type`."""

    type: str
    text: Text = UNSET
    source: RawMember = UNSET
    thinking: Text = UNSET
    signature: Text = UNSET
    data: Text = UNSET
    id: Text = UNSET
    name: Text = UNSET
    input: RawMember = UNSET
    tool_use_id: Text = UNSET
    content: RawMember = UNSET
    is_error: Flag = UNSET
    title: Text = UNSET
    context: Text = UNSET
    citations: RawMember = UNSET
    cache_control: RawMember = UNSET
    extra_content: RawMember = UNSET
    annotations: RawMember = UNSET


class Source(Struct, frozen=True, gc=False):
    """Where an image or a document comes from."""

    type: str
    media_type: Text = UNSET
    data: Text = UNSET
    url: Text = UNSET
    file_id: Text = UNSET


class Turn(Struct, frozen=True, gc=False):
    """One turn of the conversation."""

    role: str
    content: str | list[Block]


class ToolDefinition(Struct, frozen=True, gc=False):
    """A tool; one whose `type` is neither absent nor `custom` is the provider's own."""

    name: Text = UNSET
    type: Text = UNSET
    description: Text = UNSET
    input_schema: RawMember = UNSET
    strict: Flag = UNSET
    cache_control: RawMember = UNSET


class ToolChoice(Struct, frozen=True, gc=False):
    """Which tool to call."""

    type: str
    name: Text = UNSET
    disable_parallel_tool_use: Flag = UNSET


class Thinking(Struct, frozen=True, gc=False):
    """How much to think."""

    type: str
    budget_tokens: Annotated[int, Meta(ge=1)] | UnsetType | None = UNSET


class OutputFormat(Struct, frozen=True, gc=False):
    """The form of the answer."""

    type: str
    schema: RawMember = UNSET


class OutputConfig(Struct, frozen=True, gc=False):
    """The form of the answer, and how much effort goes into it."""

    effort: Text = UNSET
    format: OutputFormat | UnsetType | None = UNSET


class Metadata(Struct, frozen=True, gc=False):
    """Who asks."""

    user_id: Text = UNSET


class MessagesView(Struct, frozen=True, gc=False):
    """The request. Numbers are bounded as Anthropic documents them."""

    messages: Annotated[list[Turn], Meta(min_length=1)]
    model: Text = UNSET
    max_tokens: Annotated[int, Meta(ge=0)] | UnsetType = UNSET
    system: str | list[Block] | UnsetType | None = UNSET
    temperature: Share = UNSET
    top_p: Share = UNSET
    top_k: Annotated[int, Meta(ge=0)] | UnsetType | None = UNSET
    stop_sequences: list[str] | UnsetType | None = UNSET
    tools: list[ToolDefinition] | UnsetType | None = UNSET
    tool_choice: ToolChoice | UnsetType | None = UNSET
    thinking: Thinking | UnsetType | None = UNSET
    output_config: OutputConfig | UnsetType | None = UNSET
    output_format: OutputFormat | UnsetType | None = UNSET
    metadata: Metadata | UnsetType | None = UNSET
    service_tier: Text = UNSET
    stream: Flag = UNSET
