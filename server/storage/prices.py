"""Prices that workspaces have set for themselves: a list with a number that rises with every change, and its rows."""

from datetime import datetime

from msgspec import Struct
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from server.storage.tables import PRICE_LISTS, PRICE_ROWS


class PriceLine(Struct, frozen=True):
    """The price of a provider's model, or of all its models for `*`, in nano-dollars per million tokens.

    `cache_read_nanousd` and `cache_write_nanousd` are None where these tokens cost what other input does.
    """

    provider: str
    model: str
    input_nanousd: int
    output_nanousd: int
    cache_read_nanousd: int | None = None
    cache_write_nanousd: int | None = None


class PriceList(Struct, frozen=True):
    """A workspace's own prices by provider and model. `version` is 0, and `changed_at` None, if it never set any."""

    version: int = 0
    changed_at: datetime | None = None
    changed_by: str = ""
    lines: tuple[PriceLine, ...] = ()


NO_PRICES = PriceList()

_LINE_COLUMNS = tuple(column for column in PRICE_ROWS.columns if column.name != "workspace_id")


class Prices:
    """The price lists of one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def of(self, workspace_id: str) -> PriceList:
        """The workspace's list, an empty one if it has set none."""
        found = (
            await self._connection.execute(select(PRICE_LISTS).where(PRICE_LISTS.c.workspace_id == workspace_id))
        ).first()
        if found is None:
            return NO_PRICES
        query = (
            select(*_LINE_COLUMNS)
            .where(PRICE_ROWS.c.workspace_id == workspace_id)
            .order_by(PRICE_ROWS.c.provider, PRICE_ROWS.c.model)
        )
        lines = tuple(PriceLine(**row._mapping) for row in await self._connection.execute(query))
        return PriceList(found.version, found.changed_at, found.changed_by, lines)

    async def replace(self, workspace_id: str, prices: PriceList) -> None:
        """Puts a list in place of the one before; the caller has looked at that in the same transaction."""
        await self._connection.execute(delete(PRICE_LISTS).where(PRICE_LISTS.c.workspace_id == workspace_id))
        await self._connection.execute(delete(PRICE_ROWS).where(PRICE_ROWS.c.workspace_id == workspace_id))
        head = {
            "workspace_id": workspace_id,
            "version": prices.version,
            "changed_at": prices.changed_at,
            "changed_by": prices.changed_by,
        }
        await self._connection.execute(insert(PRICE_LISTS).values(head))
        if prices.lines:
            names = [column.name for column in _LINE_COLUMNS]
            rows = [
                {"workspace_id": workspace_id, **{name: getattr(line, name) for name in names}} for line in prices.lines
            ]
            await self._connection.execute(insert(PRICE_ROWS), rows)
