"""The pepper is made once, outlives master keys, and is of no use without one."""

import asyncio
from pathlib import Path

import pytest

from server.accounts.pepper import NAME, kept_pepper
from server.accounts.vault import SealBrokenError, Vault, WrongKeyError
from server.storage.database import Database

ONE, TWO = Vault(b"1" * 32), Vault(b"2" * 32, older=[b"1" * 32])


async def test_the_first_pepper_is_kept_whatever_comes_later(database: Database) -> None:
    assert await kept_pepper(database, ONE, b"a" * 32) == b"a" * 32
    assert await kept_pepper(database, ONE, b"b" * 32) == b"a" * 32
    assert await kept_pepper(database, TWO, b"c" * 32) == b"a" * 32


async def test_of_many_that_start_at_once_all_get_the_same(database: Database) -> None:
    peppers = await asyncio.gather(*(kept_pepper(database, ONE, bytes([number]) * 32) for number in range(10)))
    assert len(set(peppers)) == 1


async def test_another_master_key_is_told_apart_from_damage(database: Database, tmp_path: Path) -> None:
    await kept_pepper(database, ONE, b"a" * 32)
    with pytest.raises(WrongKeyError, match="--old-master-key-file"):
        await kept_pepper(database, Vault(b"3" * 32), b"a" * 32)
    async with database.write() as tx:
        sealed = await tx.sealed.get(NAME)
        assert sealed is not None
        assert (b"a" * 32).hex().encode() not in sealed
        await tx.sealed.replace(NAME, sealed[:-1] + bytes((sealed[-1] ^ 1,)))
    with pytest.raises(SealBrokenError):
        await kept_pepper(database, ONE, b"a" * 32)
