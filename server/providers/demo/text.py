"""The demo models' texts and their tokenizer.

A token is a word (letters, digits and underscores) or one other mark, together with the blanks before it; blanks at the
very end are a token of their own. The tokens of a text, joined, are the text. A prompt's tokens are those of all texts
in its messages, tool calls included.
"""

import re
from collections.abc import Iterable
from typing import Final

from server.chat.view import ChatView, Message

LONG_TOKENS: Final = 2_000

_TOKEN: Final = re.compile(r"\s*(?:\w+|[^\w\s])|\s+")
_SENTENCE: Final = (
    "a river of words runs past the mill and under the bridge while every token is counted on its way to the sea so"
    " that nobody has to guess what came through the gate or how long it took to arrive"
)


def tokens_of(text: str) -> list[str]:
    """The tokens of a text."""
    return _TOKEN.findall(text)


def long_text(seed: int) -> str:
    """A text of exactly 2,000 tokens; `seed` decides with which word it begins."""
    words = _SENTENCE.split()
    start = seed % len(words)
    return " ".join(words[(start + index) % len(words)] for index in range(LONG_TOKENS))


def text_of(message: Message) -> str:
    """The text of a message; of several parts those that are text, joined by line feeds."""
    content = message.content
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "\n".join(part.text for part in parts if isinstance(part.text, str))


def last_user_text(view: ChatView) -> str:
    """What the user said last, empty if nothing."""
    return next((text_of(message) for message in reversed(view.messages) if message.role == "user"), "")


def prompt_tokens(view: ChatView) -> int:
    """The tokens of a request."""
    return sum(len(tokens_of(text)) for message in view.messages for text in _texts(message))


def cut(text: str, stops: Iterable[str], max_tokens: int | None) -> tuple[list[str], str]:
    """What is said of a text, as tokens, and the finish reason: a stop sequence ends it before, a limit after it."""
    found = [text.find(stop) for stop in stops if stop and stop in text]
    tokens = tokens_of(text[: min(found)] if found else text)
    if max_tokens is not None and len(tokens) > max_tokens:
        return tokens[:max_tokens], "length"
    return tokens, "stop"


def _texts(message: Message) -> Iterable[str]:
    yield text_of(message)
    for call in message.tool_calls or ():
        if call.function:
            yield call.function.name
            yield call.function.arguments
