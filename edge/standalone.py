"""The edge in a process of its own, over a channel to a core elsewhere. `python -m edge` is this."""

import asyncio
import os
from pathlib import Path
from typing import Any, Final

import grpc
import msgspec
from starlette.applications import Starlette

from edge.app import EdgeOptions, create_app
from edge.gate import Door
from edge.metrics import PATH as METRICS_PATH
from edge.metrics import HttpMetrics, metrics_page
from edge.own_door import OwnDoor
from edge.pages.documents import document_pages
from edge.rest.health import health_pages
from edge.rest.services import TYPED_ERRORS_HEADER, gateway_reasons, gateway_services
from edge.rest.slips import corrected
from edge.serve import serve_app
from edge.settings import EdgeSettings
from edge.tunnel import TunnelChannel

_MIB: Final = 1024 * 1024
# What a message adds to the body that it carries.
_ENVELOPE_BYTES: Final = 64 * 1024


def channel_options(max_body_bytes: int) -> list[tuple[str, Any]]:
    """How the edge talks to its core: room for the largest body, and connections that notice a dead peer.

    No probing of the bandwidth: the probes let a server run megabytes ahead of a slow reader of a stream.
    """
    return [
        ("grpc.max_receive_message_length", max_body_bytes + _ENVELOPE_BYTES),
        ("grpc.max_send_message_length", max_body_bytes + _ENVELOPE_BYTES),
        ("grpc.absolute_max_metadata_size", 64 * 1024),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.http2.bdp_probe", 0),
    ]


def gateway_app(channel: grpc.aio.Channel, settings: EdgeSettings, door: Door | None = None) -> Starlette:
    """The gateway's REST face over a channel to its core, whichever kind of channel that is.

    The `door` is that of a core in this process; without one the face has its own.
    """
    metrics = HttpMetrics()
    options = EdgeOptions(
        services=gateway_services(),
        reasons=gateway_reasons(),
        require_access=True,
        max_body_bytes=settings.max_body_mib * _MIB,
        cors_origins=settings.cors_origins,
        pages={**health_pages(channel), **document_pages(), METRICS_PATH: metrics_page(channel, metrics)},
        metrics=metrics,
        correct_path=corrected,
        door=door or OwnDoor(lambda: metrics.open, settings.max_in_flight, settings.max_lag_ms / 1000),
        typed_errors_header=TYPED_ERRORS_HEADER,
    )
    return create_app(channel, options)


async def run(settings: EdgeSettings, stop: asyncio.Event) -> None:
    """Serves until `stop` is set. OSError if the address cannot be listened on."""

    def tell(port: int) -> None:
        if settings.ready_file is not None:
            write_ready_file(settings.ready_file, port)

    options = channel_options(settings.max_body_mib * _MIB)
    channel: grpc.aio.Channel = grpc.aio.insecure_channel(settings.core, options)
    if settings.tunnel:
        channel = TunnelChannel(channel, dict(options))
    async with channel:
        app = gateway_app(channel, settings)
        await serve_app(app, settings, on_ready=tell, stop=stop, gate=app.state.gate)


def write_ready_file(path: Path, port: int) -> None:
    """Writes `{"port", "pid"}` as JSON, whole or not at all."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(msgspec.json.encode({"port": port, "pid": os.getpid()}))
    partial.replace(path)
