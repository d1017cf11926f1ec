"""The one error of the transcoder's parts: a request that cannot be carried to a method.

It carries what the REST error body and the status line need and nothing about how they are written. Reasons are names
from the error table of the protos; messages say what is wrong and never repeat a credential.
"""

from typing import Final

REQUEST_INVALID: Final = "REQUEST_INVALID"
ROUTE_UNKNOWN: Final = "ROUTE_UNKNOWN"
METHOD_NOT_ALLOWED: Final = "METHOD_NOT_ALLOWED"


class TranscodeError(Exception):
    """A request refused before any method was called.

    Args:
        message: what is wrong and what to do, for the caller.
        reason: a name from the error table.
        http_status: 400 to 499.
        param: path of the field or parameter to blame, such as `messages[2].content`; None when there is none.
        allow: for a 405, the methods that the path has, sorted.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str = REQUEST_INVALID,
        http_status: int = 400,
        param: str | None = None,
        allow: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.http_status = http_status
        self.param = param
        self.allow = allow


def invalid(message: str, param: str | None = None) -> TranscodeError:
    """A 400 REQUEST_INVALID that blames `param`."""
    return TranscodeError(message, param=param)


def route_unknown(message: str) -> TranscodeError:
    """A 404 ROUTE_UNKNOWN."""
    return TranscodeError(message, reason=ROUTE_UNKNOWN, http_status=404)


def method_not_allowed(message: str, allow: tuple[str, ...]) -> TranscodeError:
    """A 405 METHOD_NOT_ALLOWED with the methods that the path has."""
    return TranscodeError(message, reason=METHOD_NOT_ALLOWED, http_status=405, allow=allow)
