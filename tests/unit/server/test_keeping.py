"""What is kept, and how long, as the operator's settings say."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

from server.keeping import Keeping, KeepingRules
from server.storage.contents import KeptContent, packed
from server.storage.database import Database


async def is_kept(database: Database) -> bool:
    async with database.read() as tx:
        return await tx.contents.get("ws_1", "req_1") is not None


async def test_the_settings_reach_the_parts(tmp_path: Path) -> None:
    database = await Database.open(f"sqlite:///{tmp_path}/perpetuo.db")
    keeping = Keeping(database, KeepingRules(content_days=1, log_days=2, content_max_kib=1))
    content = keeping.contents.begin("full", b"x" * 2000)
    assert content is not None
    assert (len(content.request), content.is_cut) == (1024, True)
    kept_from = keeping.logs_from()
    assert kept_from is not None
    assert timedelta(days=2) <= datetime.now(UTC) - kept_from < timedelta(days=3, minutes=1)
    old = datetime.now(UTC) - timedelta(days=1, seconds=1)
    async with database.append() as tx:
        await tx.contents.add_many([packed(KeptContent("req_1", "ws_1", old, b"{}", b""))])
    keeping.start()
    async with asyncio.timeout(60):
        while await is_kept(database):
            await asyncio.sleep(0)
    await keeping.close()
    await keeping.close()
    await database.close()


async def test_logs_are_kept_for_ever_unless_it_is_said(tmp_path: Path) -> None:
    database = await Database.open(f"sqlite:///{tmp_path}/perpetuo.db")
    keeping = Keeping(database, KeepingRules(content_days=1, log_days=0, content_max_kib=1))
    assert keeping.logs_from() is None
    await keeping.close()
    await database.close()
