"""Five connections are enough for hundreds of calls, because none is held while a provider answers."""

import asyncio
from pathlib import Path

import psycopg

from tests.durability.books import judge
from tests.durability.load import Fate, Load
from tests.durability.stage import staged

_CALLS = 150


def connections(url: str) -> list[str]:
    """The states of the gateway's connections."""
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(
            "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'perpetuo'"
        )
        return [state for (state,) in found]


async def test_no_connection_is_held_while_providers_answer(tmp_path: Path, postgres_url: str) -> None:
    options = ("--database-pool-size", "5", "--database-answer-s", "30", "--log-level", "warning")
    async with staged(tmp_path, postgres_url, options) as (gateway, account):
        load = Load(gateway.port, account.key, rate=_CALLS, stream_share=1.0, model="mock/slow?ms=200&n=20")
        load.start()
        while len(load.sent) < _CALLS:
            await asyncio.sleep(0.01)
        stopping = asyncio.ensure_future(load.stop())
        samples = []
        while not stopping.done():
            samples.append(await asyncio.to_thread(connections, postgres_url))
            await asyncio.sleep(0.05)
        await stopping
    assert load.fates() == {Fate.COMPLETE: len(load.sent)}
    assert max(map(len, samples)) <= 5
    # Hundreds of calls are under way all the time, and yet connections rest.
    assert any(set(states) <= {"idle"} for states in samples)
    assert judge(postgres_url, load.sent).is_good
