"""Writes batches of records to the database, however long that takes: it waits while the database is away.

A record that the database does not take must not hold up the others: it is found by halving, given up and counted.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from server.chat.records import OperationRecord
from server.errors import StoreUnavailable
from server.storage.database import Database

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0

_log = logging.getLogger(__name__)


class PatientWriter:
    """Writes to one database. `waiting_count` tells how many records wait, for the log."""

    def __init__(self, database: Database, waiting_count: Callable[[], int]) -> None:
        self._database = database
        self._waiting_count = waiting_count
        self.written_count = 0
        self.refused_count = 0

    async def write(self, records: Sequence[OperationRecord], price_version: str) -> int:
        """Writes the first records, at least one of them; answers how many are done with, written or given up."""
        batch = records
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                await self._database.append_operations(batch, price_version)
            except StoreUnavailable:
                _log.warning("The database is away; %d request records wait", self._waiting_count())
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
            except Exception as error:  # noqa: BLE001 - one record that cannot be written must not hold up the others
                if len(batch) == 1:
                    self.refused_count += 1
                    _log.error("The request record %s cannot be written and is lost: %r", batch[0].request_id, error)
                    return 1
                batch = batch[: len(batch) // 2]
            else:
                self.written_count += len(batch)
                return len(batch)

    async def write_all(self, records: Sequence[OperationRecord], price_version: str) -> None:
        """Writes all of them, or gives them up."""
        done = 0
        while done < len(records):
            done += await self.write(records[done:], price_version)
