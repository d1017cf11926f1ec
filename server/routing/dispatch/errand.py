"""A request on its way to upstreams: what is asked, who may be asked, and until when."""

from collections.abc import Callable, Sequence
from functools import partial

from msgspec import Struct, field

from server.chat.calibration import Calibration
from server.chat.deployment import Candidate
from server.chat.prompt_tokens import Tokens
from server.chat.request import ChatRequest
from server.chat.usage import Usage
from server.chat.view import StreamMode
from server.routing.attempt import Trace
from server.routing.counting import usage_of_stream
from server.routing.course import MAX_CALLS
from server.routing.tail import StreamTail

Measure = Callable[[Candidate, StreamTail, Tokens], Usage]
"""Who answered, the stream as far as it came, and an estimate of the prompt's tokens, to what the call took."""


def _by_estimate() -> Measure:
    return partial(usage_of_stream, Calibration())


class Errand(Struct, frozen=True):
    """One request.

    `candidates` are asked in their order; there is at least one. `deadline` is absolute, in seconds of the running
    loop's clock. `trace` keeps what happens. `prompt_tokens` is an estimate of the prompt's size. `mode` is how a
    stream goes out, and `measure` tells what one has taken that broke. `hedges`: a second candidate may be asked beside
    a slow one. `max_calls` are made at most; `goes_on`: the assistant's last message is to be gone on with.
    """

    request: ChatRequest
    candidates: Sequence[Candidate]
    deadline: float
    trace: Trace
    prompt_tokens: Tokens = 0
    mode: StreamMode = "direct"
    measure: Measure = field(default_factory=_by_estimate)
    hedges: bool = False
    max_calls: int = MAX_CALLS
    goes_on: bool = False

    def prompt_usage(self) -> Usage:
        """What a call took that may have read the prompt and answered nothing, by estimate."""
        return Usage(input_tokens=int(self.prompt_tokens), is_estimated=True)
