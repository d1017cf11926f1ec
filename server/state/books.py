"""Asks the books what a day has seen before somebody began to count, one question at a time for each subject."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from server.chat.rates import CountOf, Measure
from server.errors import StoreUnavailable
from server.state.counters import DAY_S

PATIENCE_S: Final = 0.5

_log = logging.getLogger(__name__)

Learn = Callable[[int], None]
"""Takes the calls or tokens that the books have."""


class Books:
    """Belongs to one event loop; `close` it. `patience_s` is how long a caller waits for an answer."""

    def __init__(self, count_of: CountOf, patience_s: float = PATIENCE_S) -> None:
        self._count_of = count_of
        self._patience_s = patience_s
        self._asking: dict[tuple[str, Measure], asyncio.Task[None]] = {}

    async def ask(self, subject: str, measure: Measure, until_epoch_s: float, learn: Learn) -> bool:
        """Has told what the books have of the day up to a moment; False if they are away, or take longer.

        An answer that comes too late for the caller is still told. Who asks while another does waits for the same.
        """
        asked = self._asking.get((subject, measure))
        if asked is None:
            asked = asyncio.ensure_future(self._ask(subject, measure, until_epoch_s, learn))
            self._asking[subject, measure] = asked
        done, _ = await asyncio.wait({asked}, timeout=self._patience_s)
        return bool(done) and asked.exception() is None

    async def close(self) -> None:
        """Asks no more."""
        asked = list(self._asking.values())
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)

    async def _ask(self, subject: str, measure: Measure, until_epoch_s: float, learn: Learn) -> None:
        until = datetime.fromtimestamp(until_epoch_s, UTC)
        start = datetime.fromtimestamp(until_epoch_s // DAY_S * DAY_S, UTC)
        try:
            used = await self._count_of(subject, start, until)
        except StoreUnavailable:
            _log.warning("The database is away: limits start the day anew for %s", subject)
            raise
        finally:
            del self._asking[subject, measure]
        learn(used.requests if measure is Measure.REQUESTS else used.tokens)
