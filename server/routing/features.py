"""What complexity is judged by, read from the typed view of a request. Pure and linear in the last user message."""

from server.chat.view import ChatView, Message
from server.routing.complexity import Features

_MOST_CHARACTERS = 4000


def features_of(view: ChatView, prompt_tokens: int) -> Features:
    """The features of a conversation; `prompt_tokens` is an estimate of the whole."""
    messages = view.messages
    last = next((message for message in reversed(messages) if message.role == "user"), None)
    return Features(
        text="" if last is None else _text(last)[:_MOST_CHARACTERS],
        prompt_tokens=prompt_tokens,
        turns=sum(1 for message in messages if message.role not in ("system", "developer")),
        tools=len(view.tools) if isinstance(view.tools, list) else 0,
    )


def _text(message: Message) -> str:
    content = message.content
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "\n".join(part.text for part in content if isinstance(part.text, str))
