"""The short form of `make faults-overload`: what must hold however busy the machine is."""

from pathlib import Path

from tests.overload.run import CALM_S, STREAMS, Expected, Found, overload
from tests.overload.stage import staged

INSIDE = 8


async def test_too_much_is_refused_at_the_door_and_all_else_goes_on(tmp_path: Path) -> None:
    options = ("--max-in-flight", str(INSIDE + STREAMS), "--max-lag-ms", "0")
    async with staged(tmp_path, options, CALM_S + 3.0) as stage:
        found = await overload(stage, INSIDE, 2.0, most=400.0)
    print("\n".join(found.lines()))
    assert found.faults() == []


def test_what_is_not_reached_is_told() -> None:
    found = Found(capacity=100.0, goodput=50.0, shed_s=[9.0], recovery_s=9.0)
    found.health.rest_s.append(9.0)
    assert len(found.misses(Expected())) == 4
    assert "nothing was refused" in found.faults()
