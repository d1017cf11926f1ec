"""Price lists: replaced as a whole, kept apart by workspace, and gone with it."""

from datetime import UTC, datetime

from server.storage.database import Database
from server.storage.prices import NO_PRICES, PriceLine, PriceList

NOW = datetime(2026, 11, 22, 12, 30, 15, 123456, tzinfo=UTC)
LINES = (
    PriceLine("openai", "*", 150_000_000, 600_000_000),
    PriceLine("openai", "gpt-4o", 10**15, 0, 1, 2),
)


async def test_a_workspace_without_prices_has_an_empty_list(peopled: Database) -> None:
    async with peopled.read() as tx:
        assert await tx.prices.of("ws_1") == NO_PRICES


async def test_a_list_takes_the_place_of_the_one_before(peopled: Database) -> None:
    for version, lines in ((1, LINES), (2, LINES[:1]), (3, ())):
        async with peopled.write() as tx:
            await tx.prices.replace("ws_1", PriceList(version, NOW, "usr_1", lines))
        async with peopled.read() as tx:
            assert await tx.prices.of("ws_1") == PriceList(version, NOW, "usr_1", lines)
            assert await tx.prices.of("ws_2") == NO_PRICES


async def test_a_list_goes_with_its_workspace(peopled: Database) -> None:
    async with peopled.write() as tx:
        await tx.prices.replace("ws_1", PriceList(1, NOW, "usr_1", LINES))
        await tx.workspaces.remove("ws_1")
    async with peopled.read() as tx:
        assert await tx.prices.of("ws_1") == NO_PRICES
