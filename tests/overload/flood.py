"""More requests than the processor can serve, from wrk: what bounds the gateway here is its event loop, and no number.

The capacity is what so many connections get that ask without a pause; then more connections ask with pauses, so that
together they offer three times that.
"""

import asyncio
import json
import os
from dataclasses import dataclass
from pathlib import Path

from tests.bench import payload
from tests.overload.client import Client
from tests.overload.run import OFFERED, Found, percentile
from tests.overload.stage import Stage, watch

_CALM_S = 5.0
_CALM_CONNECTIONS = 64
_MAX_CONNECTIONS = 4_000
_PAUSE_S = 1.0
_PROBES_PER_S = 20.0


@dataclass(frozen=True, slots=True)
class Counted:
    """What wrk has counted."""

    served: int
    refused: int
    bare: int
    others: int
    lost: int
    seconds: float
    p50_ms: float
    p99_ms: float


async def flood(stage: Stage, seconds: float) -> Found:
    """Offers three times what the gateway can do; gives what came of it."""
    found = Found()
    calm = await _wrk(stage, _CALM_CONNECTIONS, 0.0, _CALM_S)
    found.capacity, found.usual_p99_s = calm.served / calm.seconds, calm.p99_ms / 1000
    connections = min(int(OFFERED * found.capacity * _PAUSE_S), _MAX_CONNECTIONS)
    watching, client = asyncio.ensure_future(watch(stage, found.health)), Client(stage.gateway.port)
    pause_s = connections / (OFFERED * found.capacity)
    try:
        before_s = stage.waited_for_processor_s()
        probing = asyncio.ensure_future(client.offer(stage.request, _PROBES_PER_S, seconds))
        counted = await _wrk(stage, connections, pause_s, seconds)
        asked = await probing
        found.starved = (stage.waited_for_processor_s() - before_s) / counted.seconds
    finally:
        watching.cancel()
        await asyncio.wait([watching])
        client.close()
    found.statuses.update({200: counted.served, 503: counted.refused, 0: counted.others + counted.lost})
    found.statuses += type(found.statuses)()  # without those of which there are none
    found.bare_refusals = counted.bare
    found.offered = sum(found.statuses.values()) / counted.seconds
    found.goodput = counted.served / counted.seconds
    found.served_s = [each.took_s for each in asked if each.status == 200]
    found.shed_s = [each.took_s for each in asked if each.status == 503]
    found.recovery_s = await _recovered(stage, found)
    await asyncio.sleep(0.1)
    found.is_at_rest = await stage.is_at_rest()
    metrics = await stage.metrics()
    found.shed_counted = sum(value for name, value in metrics.items() if name.startswith("perpetuo_shed_calls_total"))
    return found


async def _recovered(stage: Stage, found: Found) -> float:
    """Seconds until ten requests in a row are served, none of them slower than usual at full load."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    while (passed_s := loop.time() - began_s) < 30.0:
        asked = [await stage.client.ask(stage.request) for _ in range(10)]
        if all(each.status == 200 for each in asked) and percentile([e.took_s for e in asked], 0.5) < found.usual_p99_s:
            break
    return passed_s


async def _wrk(stage: Stage, connections: int, pause_s: float, seconds: float) -> Counted:
    body = stage.gateway.folder / "body.json"
    body.write_bytes(payload.request())
    environment = os.environ | {
        "FLOOD_BODY": str(body),
        "FLOOD_KEY": stage.whole.key,
        "FLOOD_PAUSE_MS": str(1000 * pause_s),
    }
    script = str(Path(__file__).with_name("flood.lua"))
    process = await asyncio.create_subprocess_exec(
        *("wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "30s", "-s", script),
        f"{stage.gateway.url}/v1/chat/completions",
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()
    return Counted(**json.loads(next(line for line in output.splitlines() if line.startswith(b"{"))))
