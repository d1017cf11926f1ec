"""A chat completion request: the bytes that came, a validated view of them, and what goes upstream.

The bytes are the truth. Toward a provider of the same dialect only the members that must change are written anew, all
others leave byte for byte as they came: key order, number spelling, whitespace inside values. This module must not know
any provider, nor read a member in a way that another reader of the same bytes would not.
"""

from collections.abc import Iterable, Set
from typing import TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct, field
from msgspec.structs import replace

from server.chat.counted import is_plain
from server.chat.invalid import invalid_member
from server.chat.native import NativeRequest
from server.chat.scan import check_shape, describe_syntax
from server.chat.view import ChatView, Function, Message, Part, Tool, ToolCall
from server.errors import ParamUnsupported, RequestInvalid

T = TypeVar("T")

_VIEW = msgspec.json.Decoder(ChatView)
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_LIST = msgspec.json.Decoder(list[Raw])
_ENCODER = msgspec.json.Encoder()
_PART_MEMBERS = frozenset({"text", "image_url", "input_audio", "file", "refusal"})
_ABSENT = (None, msgspec.UNSET)
_TRUE = Raw(b"true")
_NULL = Raw(b"null")
_MODEL = b'"model":'
_SPACED_MODEL = b'"model": '
_USAGE = b',"stream_options":{"include_usage":true}}'


class ChatRequest(Struct, gc=False):
    """One request.

    `body` is the JSON object as it came. `view` has its members with their types; what is absent there is UNSET.
    `parsed` are the top-level members if they were looked at or are others than those of `body`, see `members`.
    `is_plain`: all members of the body are known to the view. `is_stream` says whether the answer goes out as it is
    written. `notes` tell the caller what a provider could not take as it was asked; what is lost is noted by
    `lose`, which refuses it when the request `is_strict`. `may_ask_usage`: a provider may be asked to report usage in
    the stream. `native` is the request in the form in which it came, where that is not the chat message.
    """

    body: bytes
    view: ChatView
    parsed: dict[str, Raw] | None = None
    is_stream: bool = False
    notes: list[str] = field(default_factory=list)
    is_strict: bool = False
    may_ask_usage: bool = True
    told: list[str] = field(default_factory=list)
    native: NativeRequest | None = None
    is_plain: bool = False

    @property
    def members(self) -> dict[str, Raw]:
        """The top-level members in their order, each verbatim. They are looked for when they are asked for."""
        members = self.parsed
        if members is None:
            members = self.parsed = _MEMBERS.decode(self.body)
        return members

    def named(self, names: Iterable[str]) -> Set[str]:
        """Those of the names that are names of top-level members."""
        if self.is_plain and self.parsed is None:
            view = self.view
            return {name for name in names if getattr(view, name, UNSET) is not UNSET}
        return self.members.keys() & names

    def lose(self, member: str, why: str) -> None:
        """Notes that a provider does not get `member` (its path) as it was asked for; once, however often it is said.

        `why` goes on after the member's name: `is not sent: the provider has no such member.` Raises ParamUnsupported
        instead when the request is strict.
        """
        note = f"{member} {why}"
        if self.is_strict:
            raise ParamUnsupported(f"The request is strict, and {note}", param=member)
        self.tell(note)

    def tell(self, note: str) -> None:
        """Notes something that was done for a provider's sake, and by which nothing is lost."""
        if note not in self.notes:
            self.notes.append(note)
            self.told.append(note)

    def forget(self) -> None:
        """Takes back what was noted for a provider that did not answer."""
        for note in self.told:
            self.notes.remove(note)
        self.told.clear()

    def with_members(self, members: dict[str, Raw], *, is_stream: bool) -> "ChatRequest":
        """The same with other top-level members; its notes are the very same lists."""
        return ChatRequest(
            self.body,
            self.view,
            members,
            is_stream,
            self.notes,
            self.is_strict,
            self.may_ask_usage,
            self.told,
            self.native,
        )

    def with_renamed(self, name: str, new: str) -> "ChatRequest | None":
        """The same with a top-level member under another name, by cutting; None where it is not found so.

        The request has to be plain, and the very one that came.
        """
        # Quotes inside of texts are escaped, so that this can only be the member itself.
        body = self.body.replace(b'"%b":' % name.encode(), b'"%b":' % new.encode(), 1)
        return None if body is self.body else replace(self, body=body)

    def without_usage(self) -> "ChatRequest":
        """The same for a provider that does not know how to report usage in a stream."""
        self.tell("stream_options is not sent: the provider refuses it, so its usage is estimated.")
        members = {name: value for name, value in self.members.items() if name != "stream_options"}
        return replace(self, parsed=members, may_ask_usage=False)

    @property
    def wants_usage(self) -> bool:
        """Whether the caller asked for the usage in a last chunk of its own."""
        options = self.view.stream_options
        return isinstance(options, msgspec.Struct) and options.include_usage is True

    @property
    def choices(self) -> int:
        """How many answers were asked for."""
        return self.view.n if isinstance(self.view.n, int) else 1

    @property
    def model(self) -> str | None:
        """The model that was asked for, None if it was left out."""
        return self.view.model or None

    def member_of(self, member: str, inner: str) -> Raw | None:
        """A member of a top-level object as it came; None where either is absent, or the first is no object."""
        raw = self.members.get(member)
        if raw is None or bytes(memoryview(raw)[:1]) != b"{":
            return None
        return _MEMBERS.decode(raw).get(inner)

    def raw_parts(self, index: int) -> list[Raw]:
        """The parts of the content of the message at `index` as they came, for parts that only one vendor knows."""
        message = _MEMBERS.decode(_LIST.decode(self.members["messages"])[index])
        return _LIST.decode(message["content"])

    def raw_tools(self) -> list[Raw]:
        """The tools as they came, for tools that only one vendor knows."""
        return _LIST.decode(self.members["tools"])


def parse_chat_request(body: bytes, *, stream: bool | None = None, is_made: bool = False) -> ChatRequest:
    """Reads and validates a request, at a cost that is linear in its length.

    `stream` is what the method that was called says; it overrides the member of that name. None: the member decides.
    `is_made`: the gateway has written it, of what it has looked at before; its shape is not looked at again.

    Raises RequestInvalid, and nothing else, for whatever is wrong: not JSON, not UTF-8, not an object, nested beyond 64
    levels, a member twice, a member missing, of the wrong kind or out of OpenAI's bounds. `param` is the member's path.
    """
    try:
        view = _VIEW.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        check_shape(body)  # what is wrong with the whole goes before what is wrong with a member
        view = _decode(_VIEW, body)
    plain = is_plain(body, view)
    if not plain:
        if not is_made:
            check_shape(body)
        _check_members(view)
    is_stream = view.stream is True if stream is None else stream
    return ChatRequest(body, view, None, is_stream, is_plain=plain)


def upstream_body(request: ChatRequest, model: str, include_usage: bool) -> bytes:
    """The request for a provider of the same dialect.

    `model` takes the place of the one asked for (or stands first), `gateway` is left out, and with `include_usage` a
    stream asks for its usage. `stream` changes only where the method overrode it, and a request that does not stream
    has no `stream_options` then. All else is as it came. The request is not changed.
    """
    if request.is_plain and request.parsed is None:
        view = request.view
        if not request.is_stream and view.model == model and view.gateway is UNSET and view.stream is not True:
            return request.body
        spliced = _spliced(request, model, include_usage)
        if spliced is not None:
            return spliced
    raw_model = Raw(_ENCODER.encode(model))
    members = request.members.copy() if "model" in request.members else {"model": raw_model, **request.members}
    members["model"] = raw_model
    members.pop("gateway", None)
    if request.is_stream is not (request.view.stream is True):
        _override_stream(members, request.is_stream)
    if include_usage and request.may_ask_usage and request.is_stream and not request.wants_usage:
        members["stream_options"] = _with_usage(members.get("stream_options", _NULL))
    return _ENCODER.encode(members)


def _spliced(request: ChatRequest, model: str, include_usage: bool) -> bytes | None:
    """The same as `upstream_body` by cutting, where only the model's name and a usage that is asked for are new.

    None where more is. The request has to be plain: no other member has that name, so that it stands there once.
    """
    body, view = request.body, request.view
    if view.model.__class__ is not str or view.gateway is not UNSET or request.is_stream is not (view.stream is True):
        return None
    asks_usage = include_usage and request.may_ask_usage and request.is_stream and not request.wants_usage
    if asks_usage and view.stream_options is not UNSET:
        return None
    if view.model != model:
        # Quotes inside of texts are escaped, so that this can only be the member itself.
        asked, name = _ENCODER.encode(view.model), _MODEL + _ENCODER.encode(model)
        made = body.replace(_MODEL + asked, name, 1)
        if made is body:
            made = body.replace(_SPACED_MODEL + asked, name, 1)
        if made is body:
            return None
        body = made
    return body[: body.rindex(b"}")] + _USAGE if asks_usage else body


def _override_stream(members: dict[str, Raw], is_stream: bool) -> None:
    if is_stream:
        members["stream"] = _TRUE
    else:
        members.pop("stream", None)
        members.pop("stream_options", None)


def _with_usage(options: Raw) -> Raw:
    """The stream options with `include_usage` true, their other members as they came."""
    members = {} if options == _NULL else _MEMBERS.decode(options)
    members["include_usage"] = _TRUE
    return Raw(_ENCODER.encode(members))


def _decode(decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as exc:
        raise invalid_member(body, exc) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise RequestInvalid(f"The request body is not JSON: {describe_syntax(exc)}.") from None


def _check_members(view: ChatView) -> None:
    for index, message in enumerate(view.messages):
        _check_message(message, f"messages[{index}]")
    if view.tools:
        for index, tool in enumerate(view.tools):
            _check_tool(tool, f"tools[{index}]")


def _check_message(message: Message, path: str) -> None:
    """What the types alone cannot say: members that a role, a part or a call must have."""
    content = message.content
    if content.__class__ is list:
        for index, part in enumerate(content):
            _check_part(part, f"{path}.content[{index}]")
    elif content in _ABSENT and message.role not in ("assistant", "function"):
        came = "is null" if content is None else "is missing"
        raise RequestInvalid(f"'{path}.content' must be a string or an array, but {came}.", param=f"{path}.content")
    if message.role == "tool" and message.tool_call_id in _ABSENT:
        raise _missing(f"{path}.tool_call_id")
    if message.tool_calls:
        for index, call in enumerate(message.tool_calls):
            _require_by_type(call, f"{path}.tool_calls[{index}]")


def _check_part(part: Part, path: str) -> None:
    if part.type in _PART_MEMBERS and getattr(part, part.type) in _ABSENT:
        raise _missing(f"{path}.{part.type}")


def _check_tool(tool: Tool, path: str) -> None:
    _require_by_type(tool, path)
    if isinstance(tool.function, Function) and isinstance(tool.function.parameters, Raw):
        first = bytes(memoryview(tool.function.parameters)[:1])
        if first not in (b"{", b"n"):
            raise RequestInvalid(
                f"'{path}.function.parameters' must be an object.", param=f"{path}.function.parameters"
            )


def _require_by_type(entry: Tool | ToolCall, path: str) -> None:
    kind = entry.type
    if kind in ("function", "custom") and getattr(entry, kind) in _ABSENT:
        raise _missing(f"{path}.{kind}")


def _missing(member: str) -> RequestInvalid:
    return RequestInvalid(f"The member '{member}' is required, but it is missing.", param=member)
