"""Values that the gateway keeps for itself: added once, replaced on purpose."""

from server.storage.database import Database


async def test_a_value_is_added_once_and_replaced_when_told_so(database: Database) -> None:
    async with database.write() as tx:
        assert await tx.sealed.get("pepper") is None
        await tx.sealed.add("pepper", b"first")
        await tx.sealed.add("pepper", b"second")
        assert await tx.sealed.get("pepper") == b"first"
        await tx.sealed.replace("pepper", b"third")
        await tx.sealed.replace("absent", b"nothing")
    async with database.read() as tx:
        assert (await tx.sealed.get("pepper"), await tx.sealed.get("absent")) == (b"third", None)
