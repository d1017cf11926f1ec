"""More requests than the processor can serve, from wrk: what bounds the gateway here is its event loop, and no number.

The capacity is what so many connections get that ask without a pause; then more connections ask with pauses, so that
together they offer three times that. Both are done in turns, because a machine changes while one measures; and rates
are per second in which the gateway could run: time in which it was ready to and others had the processor is not its.
"""

import asyncio
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import payload
from tests.overload.client import Client
from tests.overload.run import OFFERED, Found, percentile
from tests.overload.stage import Stage, watch

_CALM_S = 3.0
_FLOOD_S = 10.0
_CALM_CONNECTIONS = 64
_MAX_CONNECTIONS = 4_000
_PAUSE_S = 0.4
_ANSWER_S = 0.1
"""What an answer is taken to need, on top of the pause, while too much is asked."""

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


@dataclass(slots=True)
class Sum:
    """What all turns of one kind have come to. `could_s` is how long the gateway could run."""

    counted: list[Counted] = field(default_factory=list)
    could_s: float = 0.0
    waited_s: float = 0.0

    @property
    def share(self) -> float:
        """The share of the time in which the gateway could run."""
        return self.could_s / (self.could_s + self.waited_s)

    def of(self, name: str) -> int:
        """A count over all turns."""
        return sum(getattr(each, name) for each in self.counted)

    def per_s(self, name: str) -> float:
        """A count per second in which the gateway could run."""
        return self.of(name) / self.could_s


async def flood(stage: Stage, seconds: float) -> Found:
    """Offers three times what the gateway can do; gives what came of it."""
    found, calm, full = Found(), Sum(), Sum()
    watching, client = None, Client(stage.gateway.port)
    rounds = max(round(seconds / _FLOOD_S), 1)
    try:
        for _ in range(rounds):
            await _turn(stage, calm, _CALM_CONNECTIONS, 0.0, _CALM_S)
            latest = full if full.counted else calm
            offered = OFFERED * calm.per_s("served") * latest.share
            connections = min(int(offered * (_PAUSE_S + _ANSWER_S)), _MAX_CONNECTIONS)
            watching = asyncio.ensure_future(watch(stage, found.health))
            probing = asyncio.ensure_future(client.offer(stage.request, _PROBES_PER_S, seconds / rounds))
            await _turn(stage, full, connections, _PAUSE_S, seconds / rounds)
            asked = await probing
            watching.cancel()
            await asyncio.wait([watching])
            found.served_s += [each.took_s for each in asked if each.status == 200]
            found.shed_s += [each.took_s for each in asked if each.status == 503]
    finally:
        if watching is not None:
            watching.cancel()
        client.close()
    found.usual_p99_s = max(each.p99_ms for each in calm.counted) / 1000
    found.capacity, found.goodput = calm.per_s("served"), full.per_s("served")
    found.starved = 1.0 - full.share
    found.statuses.update({200: full.of("served"), 503: full.of("refused"), 0: full.of("others") + full.of("lost")})
    found.statuses += type(found.statuses)()  # without those of which there are none
    found.bare_refusals = full.of("bare")
    found.offered = sum(found.statuses.values()) / full.could_s
    found.recovery_s = await _recovered(stage, found)
    await asyncio.sleep(0.1)
    found.is_at_rest = await stage.is_at_rest()
    metrics = await stage.metrics()
    found.shed_counted = sum(value for name, value in metrics.items() if name.startswith("perpetuo_shed_calls_total"))
    return found


async def _turn(stage: Stage, total: Sum, connections: int, pause_s: float, seconds: float) -> None:
    """One turn of wrk; `total` gets what it has counted."""
    before_s = stage.waited_for_processor_s()
    counted = await _wrk(stage, connections, pause_s, seconds)
    waited_s = stage.waited_for_processor_s() - before_s
    total.counted.append(counted)
    total.waited_s += waited_s
    total.could_s += max(counted.seconds - waited_s, 0.1)


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
