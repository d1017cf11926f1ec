"""Where requests wait for which no upstream has room: in a fair queue, until one has, or until it is too late.

It costs a timer and no task, and only those who wait. Whoever gets a place has it promised until its call begins; who
left in that moment gives it on, so that every place is given once. Times are of the running loop's clock, in seconds.
"""

import asyncio
import math
from collections.abc import Sequence
from typing import Final

from server.chat.deployment import Candidate
from server.errors import DeadlineExceeded, Overloaded
from server.routing.load.queue import FairQueue, Ticket
from server.routing.load.traffic import Traffic, Upstream
from server.routing.operation import Operation

MAX_WAIT_S: Final = 10.0

Turn = asyncio.Future[Upstream]


class Line:
    """The queue in front of the upstreams. `max_wait_s` bounds the wait of everybody.

    `refused` counts who was refused a place, by what ran out: the places of the `queue` or of the `tenant`, or the
    patience, before waiting (`delay`) or while waiting (`wait`).
    """

    def __init__(self, traffic: Traffic, queue: FairQueue[Turn, Upstream], max_wait_s: float = MAX_WAIT_S) -> None:
        self._traffic = traffic
        self.has_room = traffic.has_room
        """Whether the first of some candidates may be called at once."""
        self._queue = queue
        self._max_wait_s = max_wait_s
        self._reopening: asyncio.TimerHandle | None = None
        self.refused = {"queue": 0, "tenant": 0, "delay": 0, "wait": 0}

    def __len__(self) -> int:
        return len(self._queue)

    async def enter(self, tenant: str, candidates: Sequence[Candidate], deadline_s: float) -> Sequence[Candidate]:
        """Waits until a candidate may be called; gives the candidates with that one first. Call it at once.

        Raises Overloaded when there is no place in the queue, or no call in time, and DeadlineExceeded.
        """
        wants = [(each.deployment.provider_id, each.model) for each in candidates]
        found = self._find(wants)
        if found is None:
            found = await self._wait(tenant, wants, deadline_s)
        place = wants.index(found)
        return [candidates[place], *candidates[:place], *candidates[place + 1 :]]

    def close(self) -> None:
        """Stops its timer."""
        if self._reopening is not None:
            self._reopening.cancel()
            self._reopening = None

    async def _wait(self, tenant: str, wants: Sequence[Upstream], deadline_s: float) -> Upstream:
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        self._check(tenant, wants, now_s)
        self._check_reopening(wants, min(deadline_s, now_s + self._max_wait_s), now_s)
        turn: Turn = loop.create_future()
        ticket = self._queue.join(tenant, turn, wants, now_s)
        self._traffic.on_room = self._serve
        self._watch_reopening(wants)
        timer = loop.call_at(min(deadline_s, now_s + self._max_wait_s), self._give_up, ticket, deadline_s)
        try:
            return await turn
        finally:
            timer.cancel()
            self._end(ticket)

    def _check(self, tenant: str, wants: Sequence[Upstream], now_s: float) -> None:
        """Refuses who would wait in vain. Raises Overloaded."""
        queue = self._queue
        first = queue.first_of(tenant, wants)
        waited_s = 0.0 if first is None else now_s - first.since_s
        if queue.is_full:
            self.refused["queue"] += 1
            raise _refusal(
                f"{len(queue)} requests wait for a provider already, which is all the queue holds.", waited_s
            )
        if queue.is_full_for(tenant):
            self.refused["tenant"] += 1
            count = queue.length_of(tenant)
            raise _refusal(f"{count} requests of yours wait for a provider already, which is your share.", waited_s)
        if waited_s > self._max_wait_s / 2:
            self.refused["delay"] += 1
            raise _refusal(
                f"The first of your requests that wait for a provider does so for {waited_s:.1f} s.", waited_s
            )

    def _check_reopening(self, wants: Sequence[Upstream], until_s: float, now_s: float) -> None:
        """Refuses who would wait for providers that allow nothing for longer. Raises Overloaded."""
        moments = [self._traffic.reopens_at_s(each) for each in wants]
        known = [at_s for at_s in moments if at_s is not None and at_s > until_s]
        if len(known) == len(moments) and not self._traffic.is_full_of_calls:
            self.refused["delay"] += 1
            raise _refusal("The providers allow no more calls for now.", min(known) - now_s)

    def _give_up(self, ticket: Ticket[Turn, Upstream], deadline_s: float) -> None:
        """It is too late for a ticket."""
        if ticket.visitor.done() or not self._queue.leave(ticket):
            return
        if deadline_s <= ticket.since_s + self._max_wait_s:
            ticket.visitor.set_exception(DeadlineExceeded("The time for this request ran out while it waited."))
        else:
            self.refused["wait"] += 1
            text = f"No provider had room within {self._max_wait_s:g} s."
            ticket.visitor.set_exception(_refusal(text, self._max_wait_s))

    def _end(self, ticket: Ticket[Turn, Upstream]) -> None:
        """Whoever had the ticket goes on, or has left: the promise is over."""
        turn = ticket.visitor
        self._queue.leave(ticket)
        if turn.done() and not turn.cancelled() and turn.exception() is None:
            self._traffic.take_back(turn.result())
            # Who got the place begins at once, before this is called; who left does not.
            asyncio.get_running_loop().call_soon(self._serve)
        if not self._queue:
            self._traffic.on_room = None
            self.close()

    def _serve(self) -> None:
        """Gives out all the room that there is."""
        while self._queue and not self._traffic.is_full_of_calls:
            served = self._queue.serve(self._find)
            if served is None:
                break
            ticket, upstream = served
            if not ticket.visitor.done():
                self._traffic.promise(upstream)
                ticket.visitor.set_result(upstream)

    def _find(self, wants: Sequence[Upstream]) -> Upstream | None:
        """The first upstream that has room."""
        traffic = self._traffic
        if traffic.is_full_of_calls:
            return None
        return next((each for each in wants if not traffic.is_full(*each)), None)

    def _watch_reopening(self, wants: Sequence[Upstream]) -> None:
        """Looks again when an allowance is renewed, of which no call's end would tell."""
        moments = [at_s for at_s in map(self._traffic.reopens_at_s, wants) if at_s is not None]
        if not moments:
            return
        at_s = min(moments)
        if self._reopening is not None:
            at_s = min(at_s, self._reopening.when())
            self._reopening.cancel()
        self._reopening = asyncio.get_running_loop().call_at(at_s, self._reopened)

    def _reopened(self) -> None:
        self._reopening = None
        self._serve()
        for ticket in self._queue.tickets():
            self._watch_reopening(ticket.wants)


async def wait_in_line(line: Line, operation: Operation) -> None:
    """Puts the candidate of an operation first that may be called, as soon as there is one. Raises as `enter`."""
    call, exact = operation.call, operation.clock.exact
    began = exact()
    try:
        tenant = f"{call.principal.workspace_id}/{call.principal.user_id}"
        operation.candidates = await line.enter(tenant, operation.candidates, call.deadline)
    finally:
        operation.waited_s += exact() - began


def _refusal(what: str, waited_s: float) -> Overloaded:
    return Overloaded(f"{what} Try again later.", retry_after_s=max(1, math.ceil(waited_s)))
