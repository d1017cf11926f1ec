"""A kept answer, for tests of the index."""

from server.cache.kept import KeptAnswer
from server.chat.deployment import Candidate, Deployment
from server.chat.usage import Usage


def answer(text: str = "x") -> KeptAnswer:
    """An answer that says `text`."""
    candidate = Candidate(Deployment("p", "ws", "openai", "https://x.example/v1", ""), "m")
    return KeptAnswer(candidate, text.encode(), Usage(1, 1), "stop")
