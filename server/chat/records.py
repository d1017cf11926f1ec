"""What is written down about a request: one operation, and one attempt for each upstream call.

In the spool members go by place: new ones come last and have defaults, and none changes its meaning or goes.
"""

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from server.chat.usage import Usage


class AttemptRecord(Struct, frozen=True, array_like=True, gc=False):
    """One upstream call.

    `outcome` is `ok` or the reason of the failure. `status` is the upstream's HTTP status, None when none came.
    Times are milliseconds from the start of the attempt; `first_token_ms` is None when no content came. `cost_nanousd`
    is None when the model has no known price. `price_version` is where the price comes from if not from where most do.
    """

    number: int
    provider_id: str
    provider: str
    model: str
    outcome: str
    status: int | None
    started_at: datetime
    latency_ms: int
    first_token_ms: int | None = None
    usage: Usage | None = None
    cost_nanousd: int | None = None
    detail: str = ""
    price_version: str = ""


class OperationRecord(Struct, frozen=True, array_like=True, gc=False):
    """One client request, settled.

    `status` is what the client saw as an HTTP status (200 for a stream that broke, whose `outcome` tells), `outcome`
    `ok` or a reason. `surface` is that of the call, `tokens` and cost those of the answer and of billed attempts.
    `saved_nanousd` is what an answer that was made for another request would have cost; None for all others, and where
    the model has no known price. `price_version` is where the prices come from if not from where most do.
    """

    request_id: str
    workspace_id: str
    user_id: str
    key_id: str | None
    surface: str
    client_request_id: str | None
    model_requested: str
    model: str
    provider: str
    provider_id: str
    strategy: str
    complexity: str
    is_stream: bool
    is_cache_hit: bool
    status: int
    outcome: str
    usage: Usage | None
    cost_nanousd: int | None
    latency_ms: int
    first_token_ms: int | None
    created_at: datetime
    notes: tuple[str, ...] = ()
    attempts: tuple[AttemptRecord, ...] = ()
    saved_nanousd: int | None = None
    price_version: str = ""


class OperationStart(Struct, frozen=True, array_like=True, gc=False):
    """A client request that goes upstream, or begins to answer: all that is known should it never be settled.

    `number` is that of the attempt that runs, 0 for an answer that is made for another request; `earlier` are those
    before it. `at` is when the attempt began.
    """

    request_id: str
    workspace_id: str
    user_id: str
    key_id: str | None
    surface: str
    client_request_id: str | None
    model_requested: str
    strategy: str
    complexity: str
    is_stream: bool
    is_cache_hit: bool
    at: datetime
    provider_id: str
    provider: str
    model: str
    number: int
    earlier: tuple[AttemptRecord, ...] = ()


def bare(operation: OperationRecord) -> OperationRecord:
    """What limits and bills need of a record, without what the caller said of the request or what it was like."""
    attempts = tuple(replace(attempt, detail="") for attempt in operation.attempts)
    return replace(operation, client_request_id=None, model_requested="", complexity="", notes=(), attempts=attempts)


def bare_start(start: OperationStart) -> OperationStart:
    """The same of a request that has begun."""
    earlier = tuple(replace(attempt, detail="") for attempt in start.earlier)
    return replace(start, client_request_id=None, model_requested="", complexity="", earlier=earlier)
