"""Clients that leave before their answer is there, in each state of a request, by either face and in either form.

`--leavers N` is how many leave in each state, in tens: ten at a time get there together and leave together. Of each is
measured how long its upstream connection lives on, and how long it takes until the request is settled; afterwards
nothing of them may be left in the gateway. The asserted bound is generous, since machines are busy; the figures are
printed.
"""

import asyncio
import contextlib
import gc
import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from enum import Enum

import pytest

from server.accounts.keys import NewKey
from server.chat.principal import KeyLimits
from server.chat.records import OperationRecord
from tests.faults.asking import Question
from tests.faults.figures import Settlements, Spread, held, until
from tests.faults.lab import Lab, Room
from tests.faults.leavers import GrpcLeaver, Leaver, RestLeaver

AT_A_TIME = 10
BOUND_S = 2.0
LIMITED = NewKey(name="leaver", limits=KeyLimits(tokens_per_day=10**9))


class State(Enum):
    """Where a request is when its client leaves."""

    IN_LINE = "waiting in the queue"
    QUEUED = "waiting for a connection"
    CONNECTING = "connecting"
    WAITING = "waiting for the first token"
    STREAMING = "in the middle of the answer"
    BACKING_OFF = "waiting to try again"


UPSTREAMS = {
    State.IN_LINE: ("stall-headers", "stall-headers"),
    State.QUEUED: ("stall-headers", "stall-headers"),
    State.WAITING: ("stall-headers", "stall-headers"),
    State.STREAMING: ("slow?ms=5&n=2000", "stall-after?n=60"),
    State.BACKING_OFF: ("status-429?retry_after=2", "status-429?retry_after=2"),
}
"""What the upstream does to streams, and to others."""

BEHIND_OTHERS = (State.IN_LINE, State.QUEUED)
"""States in which another request of the room has what is waited for."""


class Mute:
    """An upstream that takes connections and never says a word."""

    def __init__(self) -> None:
        self.port = 0
        self.opened_count = 0
        self.closed_at_s = 0.0

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[str]:
        """Listens until the block ends; gives the base URL."""
        server = await asyncio.start_server(self._hold, "127.0.0.1", 0)
        async with server:
            yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"

    async def _hold(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened_count += 1
        with contextlib.suppress(OSError):
            while await reader.read(65_536):
                pass
        self.closed_at_s = asyncio.get_running_loop().time()
        writer.close()


@dataclass(slots=True)
class Case:
    """One client: where it is to leave, by which face, and what it got."""

    state: State
    is_stream: bool
    is_grpc: bool
    room: Room
    mute: Mute
    clients: list[Leaver] = field(default_factory=list)

    async def ask(self) -> None:
        """Asks once more."""
        lab, question = self.room.lab, Question(self.room.key, self.is_stream, self.room.lab.timeout_s)
        if self.is_grpc:
            self.clients.append(await GrpcLeaver.ask(lab.channel, question))
        else:
            self.clients.append(await RestLeaver.ask(lab.url, question))

    async def get_there(self) -> None:
        """Asks, and waits until the upstream shows that the state is reached, as far as it can."""
        mock = self.room.targets[0].mock
        await self.ask()
        if mock is None:
            await until(lambda: self.mute.opened_count == 1, "the connection")
            return
        await mock.arrived()
        if self.state is State.STREAMING and self.is_stream:
            await self.clients[0].hear()
        elif self.state is State.BACKING_OFF:
            await until(lambda: mock.requests[0].is_answered, "the refusal")

    def freed_at_s(self) -> float:
        """When the upstream connection was closed; 0 if it is open, or is none."""
        mock = self.room.targets[0].mock
        if mock is None:
            return self.mute.closed_at_s
        return mock.requests[0].disconnected_at_s or 0.0


@contextlib.asynccontextmanager
async def case_of(lab: Lab, state: State, *, is_stream: bool, is_grpc: bool) -> AsyncIterator[Case]:
    """A room for one client."""
    async with contextlib.AsyncExitStack() as stack:
        mute = Mute()
        if state is State.CONNECTING:
            upstream = await stack.enter_async_context(mute.open())
        else:
            upstream = UPSTREAMS[state][not is_stream]
        room = await stack.enter_async_context(lab.room(upstream, key=LIMITED))
        yield Case(state, is_stream, is_grpc, room, mute)


async def leave_together(lab: Lab, state: State, forms: list[tuple[bool, bool]]) -> tuple[list[float], list[float]]:
    """How long upstream connections lived on, and how long requests were open, of clients that leave together."""
    loop = asyncio.get_running_loop()
    freed: list[float] = []
    settled: list[float] = []
    async with contextlib.AsyncExitStack() as stack:
        settlements = stack.enter_context(Settlements(lab))
        cases = [
            await stack.enter_async_context(case_of(lab, state, is_stream=is_stream, is_grpc=is_grpc))
            for is_stream, is_grpc in forms
        ]
        await asyncio.gather(*(case.get_there() for case in cases))
        if state in BEHIND_OTHERS:
            await asyncio.gather(*(case.ask() for case in cases))
        waiting, idle = len(cases) * (state is State.QUEUED), len(cases) * (state is State.BACKING_OFF)
        in_line = len(cases) * (state is State.IN_LINE)
        await until(lambda: held(lab)["perpetuo_queued_requests"] == in_line, f"all {state.value}")
        await until(lambda: (lab.core.upstreams.counts().waiting, lab.core.upstreams.counts().idle) == (waiting, idle),
                    f"all {state.value}")  # fmt: skip
        assert held(lab)["perpetuo_limits_open_calls"] == sum(len(case.clients) for case in cases)
        left_at_s = loop.time()
        for case in cases:
            case.clients[-1].leave()
        await until(lambda: len(settlements.of) == len(cases), f"the end of requests {state.value}")
        for case in cases:
            found = settlements.of[case.room.workspace_id]
            check(case, [record for _, record in found])
            settled.append(found[0][0] - left_at_s)
            if state in (State.CONNECTING, State.WAITING, State.STREAMING):
                await until(lambda case=case: bool(case.freed_at_s()), "the end of the connection")  # type: ignore[misc]
                freed.append(case.freed_at_s() - left_at_s)
        for case in cases:
            for client in case.clients[:-1]:
                client.leave()
            await asyncio.gather(*(client.gone() for client in case.clients))
        await until(lambda: held(lab)["perpetuo_requests_in_flight"] == 0, "the end of every request")
        for case in cases:
            # Of requests that no provider was asked for, only so many of a user are recorded in a minute.
            least = 1 if state is State.IN_LINE else len(case.clients)
            assert least <= await rows_of(case.room, least) <= len(case.clients)
    return freed, settled


def check(case: Case, records: list[OperationRecord]) -> None:
    """A request is settled once, as left by its client, and what may have been used is written down as estimated."""
    assert len(records) == 1
    [record] = records
    has_begun = case.state is State.STREAMING and case.is_stream
    assert (record.outcome, record.status) == ("CLIENT_GONE", 200 if has_begun else 499)
    if has_begun:
        assert record.usage is not None
        assert record.usage.is_estimated
        assert record.usage.output_tokens > 0


async def rows_of(room: Room, count: int) -> int:
    """How many rows the ledger has of a room, once there are as many as there should be."""
    async with asyncio.timeout(20):
        while True:
            async with room.lab.core.stores.database.read() as tx:
                found = await tx.operations.recent(room.workspace_id, 10)
            if len(found) >= count:
                return len(found)
            await asyncio.sleep(0.01)


@pytest.fixture
def still() -> None:
    """The collector as in a gateway that has started: it does not look at what is there already."""
    gc.collect()
    gc.freeze()


@pytest.mark.timeout(3600)
@pytest.mark.usefixtures("still")
@pytest.mark.parametrize("state", State, ids=lambda state: state.value)
async def test_a_client_that_leaves_frees_everything_at_once(
    state: State, narrow: Lab, crowded: Lab, pytestconfig: pytest.Config, tell: Callable[[str], None]
) -> None:
    lab = crowded if state is State.IN_LINE else narrow
    forms = itertools.cycle(itertools.product((True, False), (False, True)))
    left = int(pytestconfig.getoption("--leavers"))
    freed: list[float] = []
    settled: list[float] = []
    await leave_together(lab, state, [next(forms) for _ in range(AT_A_TIME)])
    tasks = len(asyncio.all_tasks())
    while left > 0:
        batch = [next(forms) for _ in range(AT_A_TIME)]
        left -= len(batch)
        more_freed, more_settled = await leave_together(lab, state, batch)
        freed += more_freed
        settled += more_settled
        await until(lambda: not any(held(lab).values()), f"nothing held: {held(lab)}")
        await until(lambda: len(asyncio.all_tasks()) <= tasks, f"no more than {tasks} tasks")
    for what, times in (("connection closed", freed), ("request settled", settled)):
        if times:
            tell(f"{state.value:28} {what:18} {Spread.of(times)}")
    assert max(freed + settled) < BOUND_S
