"""A request on its way to upstreams: what is asked, who may be asked, and until when."""

from collections.abc import Sequence

from msgspec import Struct

from server.chat.deployment import Candidate
from server.chat.request import ChatRequest
from server.chat.usage import Usage
from server.routing.attempt import Trace


class Errand(Struct, frozen=True):
    """One request.

    `candidates` are asked in their order; there is at least one. `deadline` is absolute, in seconds of the running
    loop's clock. `trace` keeps what happens. `prompt_tokens` is an estimate of the prompt's size.
    """

    request: ChatRequest
    candidates: Sequence[Candidate]
    deadline: float
    trace: Trace
    prompt_tokens: int = 0

    def prompt_usage(self) -> Usage:
        """What a call took that may have read the prompt and answered nothing, by estimate."""
        return Usage(input_tokens=self.prompt_tokens, is_estimated=True)
