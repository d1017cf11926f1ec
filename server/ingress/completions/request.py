"""A text completion request as a chat completion request: the prompt is what the user says.

One prompt of text in each request. Tokens are refused, because only their own model could read them; several prompts
are, because each would be a request of its own. Members that OpenAI does not have here pass on.
"""

from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from server.chat.native import NativeRequest
from server.chat.request import ChatRequest, parse_chat_request
from server.errors import ParamUnsupported, RequestInvalid
from server.ingress.reading import ENCODER, Members, is_set, read_body

DEFAULT_MAX_TOKENS: Final = 16
"""The length of an answer that nobody bounded, as OpenAI documents it."""

_NOT_SENT: Final = "is not sent: chat models have no such parameter."
_OURS: Final = frozenset({"prompt", "max_tokens", "logprobs", "echo", "suffix", "best_of", "stream"})


class CompletionView(Struct, frozen=True, gc=False):
    """What is read of the request; `prompt` is as it came."""

    prompt: Raw | UnsetType = UNSET
    max_tokens: Annotated[int, Meta(ge=1)] | UnsetType | None = UNSET
    n: Annotated[int, Meta(ge=1, le=128)] | UnsetType | None = UNSET
    best_of: Annotated[int, Meta(ge=1, le=20)] | UnsetType | None = UNSET
    logprobs: Annotated[int, Meta(ge=0, le=5)] | UnsetType | None = UNSET
    echo: bool | UnsetType | None = UNSET
    suffix: str | UnsetType | None = UNSET


class Read(Struct, frozen=True):
    """A request, and the text that stands before each answer: the prompt if it is to be repeated, else nothing."""

    request: ChatRequest
    echoed: str


_VIEW: Final = msgspec.json.Decoder(CompletionView)


def read_completion(body: bytes, *, stream: bool) -> Read:
    """The chat request that goes on from the prompt. Raises RequestInvalid and ParamUnsupported."""
    view, members = read_body(_VIEW, body)
    prompt = _prompt(view.prompt)
    is_echo = view.echo is True
    if is_echo and is_set(view.logprobs):
        raise ParamUnsupported("'logprobs' of a prompt are not to be had; leave out 'echo'.", param="logprobs")
    chat: dict[str, Any] = {name: raw for name, raw in members.items() if name not in _OURS}
    chat["messages"] = [{"role": "user", "content": prompt}]
    chat["max_tokens"] = view.max_tokens if isinstance(view.max_tokens, int) else DEFAULT_MAX_TOKENS
    if isinstance(view.logprobs, int):
        chat["logprobs"] = True
        if view.logprobs:
            chat["top_logprobs"] = view.logprobs
    if stream:
        chat["stream"] = True
    request = parse_chat_request(ENCODER.encode(chat), stream=stream)
    losses = tuple(_losses(view))
    if losses:
        request.native = NativeRequest("", _NO_MEMBERS, losses=losses)
    return Read(request, prompt if is_echo else "")


_NO_MEMBERS: Final[Members] = {}


def _losses(view: CompletionView) -> list[tuple[str, str]]:
    found = []
    if view.suffix:
        found.append(("suffix", _NOT_SENT))
    answers = view.n if isinstance(view.n, int) else 1
    if isinstance(view.best_of, int) and view.best_of != answers:
        found.append(("best_of", _NOT_SENT))
    return found


def _prompt(raw: Raw | UnsetType) -> str:
    if not isinstance(raw, Raw) or not is_set(raw):
        raise RequestInvalid("The member 'prompt' is required, but it is missing.", param="prompt")
    value = msgspec.json.decode(raw)
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        value = value[0]
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        raise ParamUnsupported(
            f"'prompt' holds {len(value)} prompts, and one request takes one; send a request for each.", param="prompt"
        )
    if isinstance(value, list) and value and all(isinstance(one, int | list) for one in value):
        raise ParamUnsupported("'prompt' must be text: tokens can only be read by their own model.", param="prompt")
    raise RequestInvalid("'prompt' must be a text, or a list with one text.", param="prompt")
