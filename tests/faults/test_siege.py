"""Clients that mean no good, a few of them for a moment: others are served meanwhile. `make siege` has the figures."""

from pathlib import Path

import pytest

from tests.faults.attacks import ATTACKS
from tests.faults.siege import NOBODY, run

SOCKETS = 60


@pytest.mark.timeout(300)
async def test_healthy_clients_are_served_under_every_attack(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert await run([NOBODY, *ATTACKS], SOCKETS, 1.0, tmp_path) == []
    lines = capfd.readouterr().out.splitlines()
    assert [line[:24].rstrip() for line in lines if " p99 " in line] == [NOBODY, *ATTACKS]
