"""The typed view of a chat completion request: every member that OpenAI documents, and those that other vendors need.

A view is only read: what goes upstream is the text that came in. Members that are not here are tolerated at every level
and pass on; a member that is absent is UNSET, one that is null is None. Kinds are those of OpenAI's request types; the
members beyond OpenAI's are those of docs/dialects.md.
"""

from typing import Annotated, Any, Literal, TypeAlias

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

Role: TypeAlias = Literal["developer", "system", "user", "assistant", "tool", "function"]
Strategy: TypeAlias = Literal["default", "fastest", "cheapest", "reliable", "balanced"]
CachePolicy: TypeAlias = Literal["default", "off", "exact", "semantic"]
"""What a workspace lets the cache keep: `default` what is asked for at temperature 0, `off` nothing, `exact` all.

`semantic`: all, and also for requests that are like the one that was answered.
"""
StreamMode: TypeAlias = Literal["direct", "buffered", "continue"]
Text: TypeAlias = str | UnsetType | None
Flag: TypeAlias = bool | UnsetType | None
RawMember: TypeAlias = Raw | UnsetType
"""JSON as it came; null is the text `null`."""
Block: TypeAlias = dict[str, Raw]
"""A vendor's object whose members stay as they came."""
Positive: TypeAlias = Annotated[int, Meta(ge=1)] | UnsetType | None
Penalty: TypeAlias = Annotated[float, Meta(ge=-2, le=2)] | UnsetType | None


class CacheControl(Struct, frozen=True, gc=False):
    """A mark of a prompt cache: what stands up to here may be kept. `ttl` is `5m` or `1h`."""

    type: str
    ttl: Text = UNSET


Mark: TypeAlias = CacheControl | UnsetType | None


class ImageUrl(Struct, frozen=True, gc=False):
    """An image: an https address or a `data:` URL."""

    url: str
    detail: Text = UNSET


class InputAudio(Struct, frozen=True, gc=False):
    """Sound: base64 and its format."""

    data: str
    format: str


class FilePart(Struct, frozen=True, gc=False):
    """A file by its id or by its data in base64."""

    file_data: Text = UNSET
    file_id: Text = UNSET
    filename: Text = UNSET


class Part(Struct, frozen=True, gc=False):
    """One part of a content. A `type` that is not OpenAI's is tolerated: it is for the provider that knows it.

    `source`, `title`, `context` and `citations` are those of a `document`; `extra_content` is a vendor's own.
    """

    type: str
    text: Text = UNSET
    image_url: ImageUrl | UnsetType | None = UNSET
    input_audio: InputAudio | UnsetType | None = UNSET
    file: FilePart | UnsetType | None = UNSET
    refusal: Text = UNSET
    cache_control: Mark = UNSET
    source: RawMember = UNSET
    title: RawMember = UNSET
    context: RawMember = UNSET
    citations: RawMember = UNSET
    extra_content: RawMember = UNSET


class FunctionCall(Struct, frozen=True, gc=False):
    """A function that the model called; `arguments` is the text that it wrote."""

    name: str
    arguments: str


class CustomCall(Struct, frozen=True, gc=False):
    """A custom tool that the model called."""

    name: str
    input: str


class ToolCall(Struct, frozen=True, gc=False):
    """A call of a tool in an assistant's message."""

    id: str
    type: str = "function"
    function: FunctionCall | UnsetType | None = UNSET
    custom: CustomCall | UnsetType | None = UNSET
    extra_content: RawMember = UNSET


class AudioRef(Struct, frozen=True, gc=False):
    """An earlier spoken answer."""

    id: str


class Message(Struct, frozen=True, gc=False):
    """One message of the conversation.

    `thinking_blocks`, `reasoning_items` and `reasoning_details` are what a vendor signed, in its own form; only that
    vendor gets them back.
    """

    role: Role
    content: str | list[Part] | UnsetType | None = UNSET
    name: Text = UNSET
    tool_calls: list[ToolCall] | UnsetType | None = UNSET
    tool_call_id: Text = UNSET
    refusal: Text = UNSET
    function_call: FunctionCall | UnsetType | None = UNSET
    audio: AudioRef | UnsetType | None = UNSET
    cache_control: Mark = UNSET
    reasoning_content: Text = UNSET
    thinking_blocks: list[Block] | UnsetType | None = UNSET
    reasoning_items: list[Block] | UnsetType | None = UNSET
    reasoning_details: Any = UNSET
    extra_content: RawMember = UNSET
    is_error: Flag = UNSET


class Function(Struct, frozen=True, gc=False):
    """A function that the model may call; `parameters` is its JSON schema as it came."""

    name: str
    description: Text = UNSET
    parameters: RawMember = UNSET
    strict: Flag = UNSET


class CustomTool(Struct, frozen=True, gc=False):
    """A tool that takes free text."""

    name: str
    description: Text = UNSET
    format: RawMember = UNSET


class Tool(Struct, frozen=True, gc=False):
    """A tool that the model may call. A `type` that is not OpenAI's is tolerated."""

    type: str
    function: Function | UnsetType | None = UNSET
    custom: CustomTool | UnsetType | None = UNSET
    cache_control: Mark = UNSET


class Named(Struct, frozen=True, gc=False):
    """Something by its name."""

    name: str


class ToolChoice(Struct, frozen=True, gc=False):
    """Which tool must be called, where it is not one of the words."""

    type: str
    function: Named | UnsetType | None = UNSET
    custom: Named | UnsetType | None = UNSET
    allowed_tools: RawMember = UNSET


class JsonSchema(Struct, frozen=True, gc=False):
    """A schema that the answer must fit, as it came."""

    name: str
    description: Text = UNSET
    schema: RawMember = UNSET
    strict: Flag = UNSET


class ResponseFormat(Struct, frozen=True, gc=False):
    """The form of the answer: `text`, `json_object`, `json_schema`, or what the provider knows."""

    type: str
    json_schema: JsonSchema | UnsetType | None = UNSET


class StreamOptions(Struct, frozen=True, gc=False):
    """What a stream carries beside content."""

    include_usage: Flag = UNSET
    include_obfuscation: Flag = UNSET


class VoiceId(Struct, frozen=True, gc=False):
    """A voice of the caller's own."""

    id: str


class AudioOutput(Struct, frozen=True, gc=False):
    """How a spoken answer sounds."""

    format: str
    voice: str | VoiceId


class Prediction(Struct, frozen=True, gc=False):
    """Text that is likely to come."""

    type: str
    content: str | list[Part]


class Thinking(Struct, frozen=True, gc=False):
    """How much to reason: `enabled` with a budget of tokens, `adaptive` or `disabled`; it wins over an effort."""

    type: str
    budget_tokens: int | UnsetType | None = UNSET


class GatewayKnobs(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """Knobs of the gateway for one request: the body object `gateway`, or the headers of the same names.

    Members that are not here are refused: nobody else would read them. None is what the workspace has set. `cache` is
    `default`, `semantic`, `no-cache`, `no-store` or `max-age=SECONDS`; `tags` are labels for the log.
    """

    strategy: Strategy | None = None
    strict: bool | None = None
    stream_mode: StreamMode | None = None
    hedge: bool | None = None
    cache: str | None = None
    tags: dict[str, str] | None = None


class ChatView(Struct, frozen=True, gc=False):
    """The request. Numbers are bounded as OpenAI documents them."""

    messages: Annotated[list[Message], Meta(min_length=1)]
    model: Text = UNSET
    stream: Flag = UNSET
    stream_options: StreamOptions | UnsetType | None = UNSET
    tools: list[Tool] | UnsetType | None = UNSET
    tool_choice: str | ToolChoice | UnsetType | None = UNSET
    parallel_tool_calls: Flag = UNSET
    response_format: ResponseFormat | UnsetType | None = UNSET
    temperature: Annotated[float, Meta(ge=0, le=2)] | UnsetType | None = UNSET
    top_p: Annotated[float, Meta(ge=0, le=1)] | UnsetType | None = UNSET
    n: Annotated[int, Meta(ge=1, le=128)] | UnsetType | None = UNSET
    max_tokens: Positive = UNSET
    max_completion_tokens: Positive = UNSET
    stop: str | list[str] | UnsetType | None = UNSET
    seed: int | UnsetType | None = UNSET
    frequency_penalty: Penalty = UNSET
    presence_penalty: Penalty = UNSET
    logit_bias: dict[str, Annotated[float, Meta(ge=-100, le=100)]] | UnsetType | None = UNSET
    logprobs: Flag = UNSET
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | UnsetType | None = UNSET
    reasoning_effort: Text = UNSET
    verbosity: Text = UNSET
    modalities: list[str] | UnsetType | None = UNSET
    audio: AudioOutput | UnsetType | None = UNSET
    prediction: Prediction | UnsetType | None = UNSET
    metadata: dict[str, str] | UnsetType | None = UNSET
    user: Text = UNSET
    safety_identifier: Text = UNSET
    prompt_cache_key: Text = UNSET
    prompt_cache_retention: Text = UNSET
    prompt_cache_options: dict[str, Raw] | UnsetType | None = UNSET
    service_tier: Text = UNSET
    store: Flag = UNSET
    moderation: dict[str, Raw] | UnsetType | None = UNSET
    web_search_options: dict[str, Raw] | UnsetType | None = UNSET
    functions: list[Function] | UnsetType | None = UNSET
    function_call: str | Named | UnsetType | None = UNSET
    thinking: Thinking | UnsetType | None = UNSET
    top_k: int | UnsetType | None = UNSET
    cache_control: Mark = UNSET
    betas: list[str] | UnsetType | None = UNSET
    gateway: GatewayKnobs | UnsetType | None = UNSET
