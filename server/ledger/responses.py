"""Keeps responses whose callers want that, for the workspace of their key and for nobody else.

Written before the caller has the end of the answer, so that it can be gone on from at once; what cannot be kept is
answered all the same, and says why.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from server.errors import ResourceNotFound, StoreUnavailable
from server.ledger.redaction import redacted
from server.storage.database import Database
from server.storage.responses import KeptResponse, PackedResponse, packed_response

WRITE_WITHIN_S: Final = 5.0

_AWAY: Final = "the database does not answer"


class NewResponse(Struct, frozen=True):
    """A response to keep: the JSON array of the items that it answers, and its own JSON."""

    workspace_id: str
    response_id: str
    items: bytes
    response: bytes
    is_redacted: bool = False


class KeptResponses:
    """What is kept, over the database. At most `max_bytes` of JSON of each response and its items."""

    def __init__(
        self, database: Database, max_bytes: int, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._database = database
        self._max_bytes = max_bytes
        self._now = now

    async def keep(self, new: NewResponse) -> str:
        """Keeps a response. Empty when that is done, otherwise why it is not."""
        if len(new.items) + len(new.response) > self._max_bytes:
            return f"with its conversation it is larger than {self._max_bytes // 1024} KiB"
        try:
            async with asyncio.timeout(WRITE_WITHIN_S):
                # Compressing takes long, and lets other threads run meanwhile.
                row = await asyncio.to_thread(_row, new, self._now())
                async with self._database.append() as tx:
                    await tx.responses.add(row)
        except (StoreUnavailable, TimeoutError):
            return _AWAY
        return ""

    async def get(self, workspace_id: str, response_id: str) -> KeptResponse:
        """The response of that id. Raises ResourceNotFound, for those of other workspaces too, and StoreUnavailable."""
        async with self._database.read() as tx:
            kept = await tx.responses.get(workspace_id, response_id)
        if kept is None:
            raise _absent()
        return kept

    async def remove(self, workspace_id: str, response_id: str) -> None:
        """Removes the response of that id. Raises as `get` does."""
        async with self._database.write() as tx:
            if not await tx.responses.remove(workspace_id, response_id):
                raise _absent()


def _absent() -> ResourceNotFound:
    return ResourceNotFound("No response of this id is kept. Only those made with '\"store\": true' are.")


def _row(new: NewResponse, now: datetime) -> PackedResponse:
    items, response = new.items, new.response
    if new.is_redacted:
        items, response = _redacted(items), _redacted(response)
    return packed_response(KeptResponse(new.workspace_id, new.response_id, now, items, response))


def _redacted(text: bytes) -> bytes:
    return redacted(text.decode("utf-8", "replace")).encode()
