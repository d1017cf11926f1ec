"""Prompts and answers, apart from the request records: compressed, and with an end of their own.

Rows are only ever added and removed. Compressing takes time, so that rows are made outside a transaction.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.storage.backend import Addition, Backend
from server.storage.columns import to_micros
from server.storage.tables import CONTENTS

_LEVEL = 6


@dataclass(frozen=True, slots=True)
class KeptContent:
    """What was said in one request. `request` and `answer` are JSON, the latter empty where there was none.

    With `is_cut` they are not whole. With `is_redacted` what looked like personal data is not in them.
    """

    request_id: str
    workspace_id: str
    created_at: datetime
    request: bytes = field(repr=False)
    answer: bytes = field(repr=False)
    is_cut: bool = False
    is_redacted: bool = False


Packed = tuple[Any, ...]
"""A row."""


def packed(content: KeptContent) -> Packed:
    """The row, compressed. Safe in any thread."""
    return (
        content.request_id,
        content.workspace_id,
        to_micros(content.created_at),
        zlib.compress(content.request, _LEVEL),
        zlib.compress(content.answer, _LEVEL),
        content.is_cut,
        content.is_redacted,
    )


class Contents:
    """The prompts and answers of one transaction."""

    def __init__(self, connection: AsyncConnection, backend: Backend) -> None:
        self._connection = connection
        self._backend = backend

    async def add_many(self, rows: Sequence[Packed]) -> None:
        """Adds rows; those that are there already stay as they are."""
        await self._backend.add_all(self._connection, [Addition(CONTENTS, ("request_id",), sorted(rows))])

    async def get(self, workspace_id: str, request_id: str) -> KeptContent | None:
        """What was said in the workspace's request of that id, if it was kept."""
        query = select(CONTENTS).where(CONTENTS.c.request_id == request_id, CONTENTS.c.workspace_id == workspace_id)
        row = (await self._connection.execute(query)).first()
        if row is None:
            return None
        request, answer = zlib.decompress(row.request), zlib.decompress(row.answer)
        return KeptContent(
            row.request_id, row.workspace_id, row.created_at, request, answer, row.is_cut, row.is_redacted
        )

    async def remove_before(self, moment: datetime, limit: int) -> int:
        """Removes the oldest of before that moment, at most `limit`; how many it were."""
        oldest = select(CONTENTS.c.request_id).where(CONTENTS.c.created_at < moment)
        oldest = oldest.order_by(CONTENTS.c.created_at).limit(limit)
        return (await self._connection.execute(delete(CONTENTS).where(CONTENTS.c.request_id.in_(oldest)))).rowcount

    async def remove_of(self, workspace_id: str, limit: int) -> int:
        """Removes some of a workspace's, at most `limit`; how many it were."""
        some = select(CONTENTS.c.request_id).where(CONTENTS.c.workspace_id == workspace_id).limit(limit)
        return (await self._connection.execute(delete(CONTENTS).where(CONTENTS.c.request_id.in_(some)))).rowcount
