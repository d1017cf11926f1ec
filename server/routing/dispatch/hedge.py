"""A race of two calls: when the first is slow, a second is made beside it, and whichever has something first wins.

The only place where a request has tasks of its own, and only for those who ask for it. None outlives the race: whoever
loses is cancelled and waited for, and so are both when the caller leaves.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, Generic, TypeVar

from msgspec import Struct

T = TypeVar("T")

_log: Final = logging.getLogger(__name__)


class Runners(Struct, Generic[T], frozen=True):
    """What races.

    `first` is called at once. `second`, which is asked after `after_s` seconds, gives what is called then, or None for
    nobody. Each comes to None when it failed. `drop` gets what came too late, and `is_over` says that nobody is to be
    waited for any more.
    """

    first: Callable[[], Coroutine[Any, Any, T | None]]
    second: Callable[[], Coroutine[Any, Any, T | None] | None]
    after_s: float
    drop: Callable[[T], Awaitable[None]]
    is_over: Callable[[], bool]


async def race(runners: Runners[T]) -> T | None:
    """What the first comes to that has something; None when all have failed. Raises what nobody expected of a call."""
    running: set[asyncio.Future[T | None]] = {asyncio.ensure_future(runners.first())}
    try:
        done, _ = await asyncio.wait(running, timeout=runners.after_s)
        if not done and (second := runners.second()) is not None:
            running.add(asyncio.ensure_future(second))
        return await _winner(running, runners)
    finally:
        await _end(running, runners)


async def _winner(running: "set[asyncio.Future[T | None]]", runners: Runners[T]) -> T | None:
    """Takes those that are done out of the race until one has won."""
    while running:
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            running.discard(task)
            if (found := task.result()) is not None:
                return found
        if runners.is_over():
            return None
    return None


async def _end(running: "set[asyncio.Future[T | None]]", runners: Runners[T]) -> None:
    """Cancels who is left, and waits for them."""
    for task in running:
        task.cancel()
    if not running:
        return
    await asyncio.wait(running)
    for task in running:
        if task.cancelled():
            continue
        if (error := task.exception()) is not None:
            _log.error("A call that lost a race failed in a way that nobody expected.", exc_info=error)
        elif (found := task.result()) is not None:
            await runners.drop(found)
