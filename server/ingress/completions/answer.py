"""A chat completion, whole or in chunks, as a text completion. Members that are called the same here pass unread."""

from typing import Any, Final

import msgspec
from msgspec import Raw, Struct

from server.errors import UpstreamBadResponse

OBJECT: Final = "text_completion"


class Said(Struct, gc=False):
    """A message, or a piece of one."""

    content: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None


class TopToken(Struct, gc=False):
    """A token that was likely."""

    token: str
    logprob: float


class Token(TopToken, gc=False):
    """A token that was written, and others that were likely."""

    top_logprobs: list[TopToken] | None = None


class Logprobs(Struct, gc=False):
    """Log-probabilities in the form of chat completions."""

    content: list[Token] | None = None


class Choice(Struct, gc=False):
    """One answer, or a piece of it."""

    index: int = 0
    message: Said | None = None
    delta: Said | None = None
    finish_reason: str | None = None
    logprobs: Logprobs | None = None


class Completion(Struct, gc=False):
    """What is read of a chat completion or a chunk."""

    id: str = ""
    choices: list[Choice] = []


_COMPLETION: Final = msgspec.json.Decoder(Completion)
_MEMBERS: Final = msgspec.json.Decoder(dict[str, Raw])
_ENCODER: Final = msgspec.json.Encoder()


class Texts:
    """Follows one answer. `echoed` stands before the text of each choice."""

    def __init__(self, echoed: str = "") -> None:
        self._echoed = echoed
        self._lengths: dict[int, int] = {}

    def text_from(self, body: bytes) -> bytes:
        """The text completion that a chat completion or a chunk is. Raises UpstreamBadResponse for what is neither."""
        try:
            answer = _COMPLETION.decode(body)
            members: dict[str, Any] = {**_MEMBERS.decode(body)}
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise UpstreamBadResponse(f"The provider's answer is not a chat completion: {exc}.") from None
        members["id"] = "cmpl-" + answer.id.removeprefix("chatcmpl-")
        members["object"] = OBJECT
        members["choices"] = [self._choice(choice) for choice in answer.choices]
        return _ENCODER.encode(members)

    def _choice(self, choice: Choice) -> dict[str, Any]:
        said = choice.message or choice.delta or Said()
        text = (said.content or "") + (said.refusal or "")
        if choice.index not in self._lengths:
            text = self._echoed + text
        offset = self._lengths.get(choice.index, 0)
        self._lengths[choice.index] = offset + len(text)
        found: dict[str, Any] = {
            "text": text,
            "index": choice.index,
            "logprobs": _logprobs(choice.logprobs, offset),
            "finish_reason": choice.finish_reason,
        }
        if said.reasoning_content:
            found["reasoning_content"] = said.reasoning_content
        return found


def _logprobs(logprobs: Logprobs | None, offset: int) -> dict[str, Any] | None:
    """Log-probabilities in the older form: lists side by side. `offset` is where the text begins in its answer."""
    if logprobs is None or logprobs.content is None:
        return None
    offsets = []
    for token in logprobs.content:
        offsets.append(offset)
        offset += len(token.token)
    return {
        "tokens": [token.token for token in logprobs.content],
        "token_logprobs": [token.logprob for token in logprobs.content],
        "top_logprobs": [{top.token: top.logprob for top in token.top_logprobs or ()} for token in logprobs.content],
        "text_offset": offsets,
    }
