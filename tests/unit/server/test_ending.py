"""The order in which a core ends."""

import asyncio
from typing import Any, cast

from server.ending import End
from server.grpc_server import CoreServer
from server.under_way import UnderWay


class Told:
    """A server, and requests under way, that keep what they are told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.released = asyncio.Event()

    def announce_end(self) -> None:
        self.said.append("not serving")

    async def stop_port(self, grace_s: float) -> None:
        self.said.append("port closed")
        await self.released.wait()

    async def stop(self, grace_s: float) -> None:
        self.said.append("stopped")

    def give_up(self) -> None:
        self.said.append("given up")
        self.released.set()


def end_of(told: Told, grace_s: float) -> End:
    return End(cast(CoreServer, told), cast(UnderWay, cast(Any, told)), grace_s)


async def test_what_outlasts_the_grace_is_given_up_before_anything_is_dropped() -> None:
    told = Told()
    await end_of(told, 0.1).come()
    assert told.said == ["not serving", "port closed", "given up", "stopped"]


async def test_what_ends_in_time_is_not_waited_for_any_longer() -> None:
    told = Told()
    told.released.set()
    async with asyncio.timeout(30):
        await end_of(told, 600.0).come()
    assert told.said == ["not serving", "port closed", "stopped"]


async def test_without_grace_everything_is_given_up_at_once() -> None:
    told = Told()
    await end_of(told, 0.0).come()
    assert sorted(told.said) == ["given up", "not serving", "port closed", "stopped"]
    assert told.said[-1] == "stopped"
