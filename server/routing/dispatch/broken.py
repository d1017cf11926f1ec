"""What is told of a stream that failed after its first content."""

from server.errors import ClientGone, DeadlineExceeded, PerpetuoError, UpstreamStreamInterrupted
from server.routing.course import LEAST_TIME_S


def broken_stream(error: PerpetuoError, deadline: float, now: float) -> PerpetuoError:
    """What a client is told of a stream that failed after its first content."""
    if isinstance(error, ClientGone | DeadlineExceeded | UpstreamStreamInterrupted):
        return error
    if deadline - now < LEAST_TIME_S:
        return DeadlineExceeded("The time for this request ran out while the answer was being written.")
    return UpstreamStreamInterrupted(
        f"The provider's stream broke before it was complete: {error.message}", details={"cause": error.reason}
    )
