"""Which dialect a request speaks, by its path, and what the path says in the place of the body. Pure."""

import re
from typing import Final, NamedTuple
from urllib.parse import unquote

from cli.mock.answers import Asked, Wire
from cli.mock.wires.anthropic import AnthropicWire
from cli.mock.wires.google import GoogleWire
from cli.mock.wires.openai import OpenAiWire

OPENAI: Final[Wire] = OpenAiWire()
ANTHROPIC: Final[Wire] = AnthropicWire()
GOOGLE: Final[Wire] = GoogleWire()

_GENERATE: Final = re.compile(r".*/models/([^:]+):(generateContent|streamGenerateContent)")


class Spoken(NamedTuple):
    """A dialect, and the model and form that the path names; an empty model leaves both to the body."""

    wire: Wire
    model: str = ""
    is_stream: bool = False

    def complete(self, asked: Asked) -> Asked:
        """What is asked, with what the path says."""
        if self.model:
            asked.model, asked.stream = self.model, self.is_stream
        return asked


def spoken_at(path: str) -> Spoken | None:
    """The dialect of a path without its query; None: nothing is generated there."""
    if path.endswith("/chat/completions"):
        return Spoken(OPENAI)
    if path.endswith("/messages"):
        return Spoken(ANTHROPIC)
    found = _GENERATE.fullmatch(path)
    if found is None:
        return None
    return Spoken(GOOGLE, unquote(found[1]), found[2] == "streamGenerateContent")
