"""PricesService: prices that workspaces have set for themselves."""

from typing import Any

from perpetuo.v1 import prices_pb2, prices_pb2_grpc

from server.accounts.price_lists import NewLine, PriceLists
from server.services.calling import Calls, Context
from server.services.shapes import timestamp
from server.storage.prices import PriceList

_AMOUNTS = {
    "input_nanousd_per_1m": "input_nanousd",
    "output_nanousd_per_1m": "output_nanousd",
    "cached_input_nanousd_per_1m": "cache_read_nanousd",
    "cache_write_nanousd_per_1m": "cache_write_nanousd",
}


class PricesServicer(prices_pb2_grpc.PricesServiceServicer):
    """Serves price lists. `published` is where all other prices come from."""

    def __init__(self, prices: PriceLists, published: str, calls: Calls) -> None:
        self._prices = prices
        self._published = published
        self._calls = calls

    async def ListPrices(
        self, request: prices_pb2.ListPricesRequest, context: Context
    ) -> prices_pb2.ListPricesResponse:
        """The workspace's own prices."""
        found = await self._prices.of(self._calls.principal().user_id, request.workspace_id)
        return prices_pb2.ListPricesResponse(**self._members(found))

    async def ReplacePrices(
        self, request: prices_pb2.ReplacePricesRequest, context: Context
    ) -> prices_pb2.ReplacePricesResponse:
        """The workspace with other prices."""
        lines = [_line(price) for price in request.prices]
        changed = await self._prices.replace(self._calls.principal().user_id, request.workspace_id, lines)
        return prices_pb2.ReplacePricesResponse(**self._members(changed))

    def _members(self, prices: PriceList) -> dict[str, Any]:
        return {
            "prices": [
                prices_pb2.Price(
                    provider=line.provider,
                    model=line.model,
                    **{field: getattr(line, name) for field, name in _AMOUNTS.items()},
                )
                for line in prices.lines
            ],
            "version": f"workspace/{prices.version}",
            "published_source": self._published,
            "changed_at": None if prices.changed_at is None else timestamp(prices.changed_at),
        }


def _line(price: prices_pb2.Price) -> NewLine:
    amounts = {name: getattr(price, field) for field, name in _AMOUNTS.items() if price.HasField(field)}  # type: ignore[arg-type]
    return NewLine(price.provider, price.model, **amounts)
