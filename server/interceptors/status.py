"""The outermost interceptor: gives every call its id, turns every failure into one rich status, writes the access log.

What a caller is told comes from the reason and its rule alone; the text of any other exception goes to the log and
never out. Cancellation passes through. Methods that nobody serves are left to gRPC, which reflection clients rely on.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import grpc

from server.chat.ids import Ids
from server.errors import Internal, PerpetuoError
from server.interceptors.authenticate import Check, Credentials
from server.interceptors.context import CallInfo, Told, announce, enter_call, read_metadata
from server.interceptors.rich_status import RichStatus, rich_status
from server.interceptors.rules import load_rules
from server.interceptors.shedding import OPEN, Door
from server.interceptors.wrapping import Behavior, Context, Handler, wrap
from server.telemetry.logs import CallLine, LineForm, LineLogger

_FIXED_TEXT = "The gateway failed. The operator's log has the details under this request id."
OK_NAME = "OK"
_DEADLINE_ROUNDING_S = 0.15  # a caller's own clock fires before the deadline that it sent, rounded up, has come


class Log(Protocol):
    """What lines are written to, as structlog's loggers take them."""

    def info(self, event: str, **fields: Any) -> Any:
        """A line for every call."""

    def error(self, event: str, **fields: Any) -> Any:
        """A line for a defect."""


Counted = Callable[[str, str], list[int]]
"""A method and the name of a status to how many of its calls have ended so, for whoever ends one to add to."""


def count_nowhere(method: str, code: str) -> list[int]:
    """Shows no counts."""
    return [0]


class StatusInterceptor(grpc.aio.ServerInterceptor):
    """Put it first. `make_id` makes request ids, for tests; `has_access_log` turns the line per call on.

    `counted` has the counts of calls that have ended. `well` takes the line of a call that was answered, of a form that
    `form_of` gives; whoever writes such lines itself has to add to `counted` as well.
    """

    depends_on_call = False

    def __init__(
        self,
        log: Log,
        *,
        has_access_log: bool = True,
        make_id: Callable[[], str] | None = None,
        counted: Counted = count_nowhere,
    ) -> None:
        self._log = log
        self._lines = log if isinstance(log, LineLogger) else None
        self.well = None if self._lines is None else self._lines.well
        self._has_access_log = has_access_log
        self.make_id = make_id or Ids("req_").next
        self.counted = counted
        self._rules = load_rules()
        self._wrapped: dict[str, tuple[Handler, Handler]] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Wraps the handler of the method, if there is one; the same handler only once."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        method = handler_call_details.method
        inner, outer = self._wrapped.get(method, (None, None))
        if outer is None or inner is not handler:
            outer = wrap(handler, lambda behavior: self.guard(method, behavior, not handler.response_streaming))
            self._wrapped[method] = handler, outer
        return outer

    def guard(
        self, method: str, behavior: Behavior, is_unary: bool, door: Door = OPEN, check: Check | None = None
    ) -> Behavior:
        """A behaviour with a call around it, which asks at the door and checks who calls."""

        async def guarded(request: Any, context: Context) -> Any:
            metadata: Any = context.invocation_metadata() or ()
            info = self.enter(method, read_metadata(metadata))
            try:
                door.enter()
                try:
                    if check is not None:
                        sent = Credentials(metadata)
                        info.principal, info.credential = await check(sent), sent.told
                    response = await behavior(request, context)
                finally:
                    door.leave()
                if is_unary:
                    await announce(context)
            except asyncio.CancelledError:
                self.cancelled(info, context.time_remaining())
                raise
            except grpc.aio.AbortError:
                self.leave(info, _name(context.code()), None)
                raise
            except grpc.aio.InternalError:  # gRPC could not write: nobody reads any more
                self.cancelled(info, context.time_remaining())
                raise
            except Exception as error:  # noqa: BLE001  # the border: whatever a handler raises ends here
                status = self.fail(info, error)
                kept: Any = context.trailing_metadata()
                await context.abort(status.code, status.message, (*(kept or ()), *status.trailing))
            self._succeed(info, context)
            return response

        return guarded

    def enter(self, method: str, told: Told) -> CallInfo:
        """A call begins; it has to `leave` or to `fail`."""
        info = CallInfo(self.make_id(), method, asyncio.get_running_loop().time(), told)
        enter_call(info)
        return info

    def cancelled(self, info: CallInfo, remaining_s: float | None = None) -> None:
        """A call ends because it was cancelled, `remaining_s` seconds before its deadline if it has one."""
        self.leave(info, *_why_cancelled(remaining_s))

    def fail(self, info: CallInfo, error: Exception) -> RichStatus:
        """A call ends with an error; gives what its caller is told, what was announced among it."""
        if not isinstance(error, PerpetuoError):
            self._log.error("call failed", request_id=info.request_id, method=info.method, exc_info=error)
            error = Internal(_FIXED_TEXT)
        try:
            status = rich_status(error, self._rules[error.reason], info.request_id)
        except Exception as defect:  # noqa: BLE001  # still the border: gRPC would tell the caller what was raised here
            self._log.error("error cannot be told", request_id=info.request_id, method=info.method, exc_info=defect)
            error = Internal(_FIXED_TEXT)
            status = rich_status(error, self._rules[error.reason], info.request_id)
        self.leave(info, status.code.name, error.reason)
        return RichStatus(status.code, status.message, (*_announced(info), *status.trailing))

    def _succeed(self, info: CallInfo, context: Context) -> None:
        self.leave(info, _name(context.code()), None)
        if not info.has_sent_request_id:
            kept: Any = context.trailing_metadata()
            context.set_trailing_metadata((*(kept or ()), *info.outgoing()))

    def leave(self, info: CallInfo, code: str = OK_NAME, reason: str | None = None) -> None:
        """A call ends; `code` is the name of its status."""
        self.counted(info.method, code)[0] += 1
        if not self._has_access_log:
            return
        line = _line(info, code, reason, asyncio.get_running_loop().time() - info.started_s)
        if self._lines is not None:
            self._lines.call(line)
        else:
            self._log.info(line.event, **line.fields)

    def form_of(self, info: CallInfo) -> LineForm | None:
        """What the lines of calls like that have in common if they are answered; None: `leave` them one by one."""
        lines = self._lines
        return None if lines is None or not self._has_access_log else lines.form_of(_line(info, OK_NAME, None, 0.0))


def _line(info: CallInfo, code: str, reason: str | None, took_s: float) -> CallLine:
    principal = info.principal
    return CallLine(
        "",
        "info",
        "call",
        info.request_id,
        info.method,
        code,
        reason,
        round(took_s * 1000, 2),
        info.told.surface,
        info.told.client_request_id,
        None if principal is None else principal.user_id,
        None if principal is None else principal.workspace_id,
        None if principal is None else principal.key_id,
    )


def _announced(info: CallInfo) -> list[tuple[str, str]]:
    """What was announced and could not be sent before; the status brings the id itself."""
    return [] if info.has_sent_request_id else info.response_metadata


def _name(code: grpc.StatusCode | int | None) -> str:
    return getattr(code, "name", OK_NAME if code is None else str(code))


def _why_cancelled(remaining_s: float | None) -> tuple[str, str]:
    """A handler is cancelled when the deadline has come or when the caller has gone."""
    if remaining_s is not None and remaining_s <= _DEADLINE_ROUNDING_S:
        return grpc.StatusCode.DEADLINE_EXCEEDED.name, "DEADLINE_EXCEEDED"
    return grpc.StatusCode.CANCELLED.name, "CLIENT_GONE"
