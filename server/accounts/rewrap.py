"""Seals anew, while the gateway serves, what an older master key has sealed, so that the old one can be thrown away.

Each value is replaced only if it is still the one that was read, so a change in between is never undone. Values that
no key opens are left as they are and counted.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from server.accounts import pepper
from server.accounts.providers import place_of
from server.accounts.vault import Place, SealBrokenError, Vault
from server.errors import StoreUnavailable
from server.storage.database import Database, Transaction

BATCH = 100
PAUSE_S = 0.05

_RETRY_S = 5.0

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Rewrapped:
    """How many values were sealed anew, were under the newest key already, and could not be opened.

    `last_id` is the last entry of a batch, empty when there was none.
    """

    anew: int = 0
    current: int = 0
    broken: int = 0
    last_id: str = ""


class Rewrap:
    """One pass over everything that is sealed."""

    def __init__(self, database: Database, vault: Vault, *, batch: int = BATCH, pause_s: float = PAUSE_S) -> None:
        self._database = database
        self._vault = vault
        self._batch = batch
        self._pause_s = pause_s

    async def run(self) -> Rewrapped:
        """Goes through all of it, a batch at a time with a pause in between; cancel it at any time.

        While the database is away it waits and goes on.
        """
        total = await self._patiently(self._pepper, "")
        last_id = total.last_id
        while True:
            done = await self._patiently(self._entries, last_id)
            total.anew, total.current, total.broken = (
                total.anew + done.anew,
                total.current + done.current,
                total.broken + done.broken,
            )
            if not done.last_id:
                break
            last_id = done.last_id
            await asyncio.sleep(self._pause_s)
        _tell(total)
        return total

    async def _patiently(self, step: Callable[[Transaction, str], Awaitable[Rewrapped]], after_id: str) -> Rewrapped:
        while True:
            try:
                async with self._database.write() as tx:
                    return await step(tx, after_id)
            except StoreUnavailable:
                await asyncio.sleep(_RETRY_S)

    async def _pepper(self, tx: Transaction, after_id: str) -> Rewrapped:
        counts = Rewrapped()
        sealed = await tx.sealed.get(pepper.NAME)
        if sealed is not None and (anew := self._anew(sealed, pepper.PLACE, counts)) is not None:
            await tx.sealed.replace(pepper.NAME, anew)
        return counts

    async def _entries(self, tx: Transaction, after_id: str) -> Rewrapped:
        counts = Rewrapped()
        for entry in await tx.providers.after(after_id, self._batch):
            counts.last_id = entry.id
            anew = self._anew(entry.sealed_api_key, place_of(entry.workspace_id, entry.id), counts)
            if anew is not None:
                await tx.providers.reseal(entry.id, entry.sealed_api_key, anew)
        return counts

    def _anew(self, sealed: bytes, place: Place, counts: Rewrapped) -> bytes | None:
        if self._vault.is_current(sealed):
            counts.current += 1
            return None
        try:
            anew = self._vault.seal(self._vault.open(sealed, place), place)
        except SealBrokenError:
            counts.broken += 1
            return None
        counts.anew += 1
        return anew


def _tell(total: Rewrapped) -> None:
    if total.broken:
        _log.error("%d sealed values cannot be opened with any master key that was given", total.broken)
    _log.info(
        "%d values were sealed anew, %d were under the newest master key already; the old one is not needed any more",
        total.anew,
        total.current,
    )
