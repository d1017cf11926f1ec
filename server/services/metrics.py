"""MetricsService: the core's metrics as text, for those who may see them.

No credential is asked for: scrapers have none. In the mode `private` the caller has to be near, on this machine or in
a private network, and so has every proxy that the call is said to have come through.
"""

import asyncio
import ipaddress
from collections.abc import Callable
from typing import Final, Literal

from google.api import httpbody_pb2
from perpetuo.v1 import metrics_pb2, metrics_pb2_grpc

from server.errors import PermissionDenied
from server.services.calling import Context
from server.telemetry.metrics import CONTENT_TYPE, Metrics, render

Exposure = Literal["open", "private", "off"]
"""Who may see the metrics: everybody, those who are near, nobody."""

HopsOf = Callable[[Context], tuple[str, ...]]

_OFF: Final = "The metrics of this gateway are not shown; its operator has set --metrics off."
_FAR: Final = "The metrics are shown to callers in private networks; the operator may set --metrics open."


class MetricsServicer(metrics_pb2_grpc.MetricsServiceServicer):
    """Shows metrics to those who may see them. `hops_of` tells every address that a call has come through."""

    def __init__(self, metrics: Metrics, exposure: Exposure, hops_of: HopsOf) -> None:
        self._metrics = metrics
        self._exposure = exposure
        self._hops_of = hops_of

    async def GetMetrics(
        self, request: metrics_pb2.GetMetricsRequest, context: Context
    ) -> metrics_pb2.GetMetricsResponse:
        """The metrics as they are now."""
        if self._exposure == "off":
            raise PermissionDenied(_OFF)
        if self._exposure == "private" and not all(is_near(hop) for hop in self._hops_of(context)):
            raise PermissionDenied(_FAR)
        shown = self._metrics.snapshot()
        text = await asyncio.get_running_loop().run_in_executor(None, render, shown)
        return metrics_pb2.GetMetricsResponse(body=httpbody_pb2.HttpBody(content_type=CONTENT_TYPE, data=text))


def is_near(address: str) -> bool:
    """Whether an address is of this machine or of a private network; False for what is no address."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_private
