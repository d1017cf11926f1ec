"""A state is opened by its URL; one that cannot be reached serves all the same."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from server.chat.rates import Quota, Window
from server.state.memory import MemoryRates
from server.state.shared_rates import SharedRates
from server.state.state import MEMORY, StateHealth, check_url, open_state
from tests.unit.server.state.valkeys import Valkey, running_valkey

CALLS = Quota("usr_1", Window.MINUTE, 20)


async def test_memory_is_for_one_who_is_alone() -> None:
    state = await open_state(MEMORY)
    assert isinstance(state.rates, MemoryRates)
    assert state.rates is not state.throttles
    assert (await state.rates.take([CALLS])).is_admitted
    assert state.health() == StateHealth()
    await state.close()


def test_one_who_is_alone_needs_no_client_of_valkey() -> None:
    script = (
        "import sys; sys.modules['hiredis'] = sys.modules['redis'] = None\n"
        "import asyncio; from server.state.state import MEMORY, open_state\n"
        "asyncio.run(open_state(MEMORY))\n"
        "try: asyncio.run(open_state('valkey://127.0.0.1:1'))\n"
        "except ValueError as error: print(error)\n"
    )
    root = Path(__file__).parents[4]
    command = [sys.executable, "-c", script]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(command, cwd=root, env=environment, check=True, capture_output=True, text=True)
    assert "pip install 'perpetuo[redis]'" in done.stdout


@pytest.mark.parametrize("scheme", ["valkey", "redis"])
async def test_valkey_and_redis_are_reached_by_url(valkey: Valkey, scheme: str) -> None:
    state = await open_state(valkey.url.replace("valkey", scheme), 2)
    assert isinstance(state.rates, SharedRates)
    assert state.health().is_up
    assert (await state.rates.take([CALLS._replace(subject=scheme)])).standings[0].remaining == 19
    await state.notes.put(scheme, "1", 60)
    assert await state.notes.get(scheme) == "1"
    await state.close()


async def test_a_server_that_is_away_at_the_start_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    with running_valkey() as server:
        server.stop()
        state = await open_state(server.url, 4)
        admitted = sum([(await state.rates.take([CALLS])).is_admitted for _ in range(30)])
        health = state.health()
        await state.close()
    assert (admitted, health) == (5, StateHealth(is_up=False, local_calls=30))
    assert "does not answer" in caplog.text


REFUSED = ["", "memory", "valkey:", "valkey://", "http://127.0.0.1", "127.0.0.1:6379", "valkey://h:70000"]


@pytest.mark.parametrize("url", REFUSED)
async def test_a_url_that_is_not_served(url: str) -> None:
    with pytest.raises(ValueError):
        check_url(url)
    with pytest.raises(ValueError):
        await open_state(url)
