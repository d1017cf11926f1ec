"""The spool of a dead process, cut at random places or with a bit flipped, is taken over by a gateway's ledger.

What was whole before the damage is in the database afterwards as it was written, and nothing else is.
"""

import random
import shutil
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from server.chat.records import OperationRecord
from server.ledger.opening import LedgerOptions, open_ledger
from server.ledger.spool.frames import HEAD_BYTES, Scan
from server.ledger.spool.segment import mark_of
from server.ledger.spool.spool import Spool, SpoolBounds
from server.ledger.spool.sync import SyncPolicy
from server.storage.database import Database
from tests.unit.server.ledger.spool.spooled import began, ended, settled_payload

_RECORDS = 40
_BOUNDS = SpoolBounds(segment_bytes=16 * 1024, max_bytes=1024 * 1024)


@dataclass(slots=True)
class Damage:
    """What came of it, summed up over all rounds. `survived` counts records before the damage; the rest must be 0."""

    rounds: int = 0
    survived: int = 0
    missing: int = 0
    changed: int = 0
    invented: int = 0
    unnoticed: int = 0
    failed_starts: int = 0

    @property
    def is_good(self) -> bool:
        """Whether every start succeeded and nothing whole was lost, changed or made up."""
        return not (self.missing or self.changed or self.invented or self.unnoticed or self.failed_starts)

    def __str__(self) -> str:
        return (
            f"{self.rounds} starts, {self.failed_starts} failed; {self.survived} records before the damage, "
            f"{self.missing} missing, {self.changed} changed, {self.invented} made up; "
            f"damage that was not noticed: {self.unnoticed}"
        )


class CutSpools:
    """Cuts or flips a copy of one spool, over and over, each time before the start of a ledger."""

    def __init__(self, folder: Path, seed: int = 1) -> None:
        self._folder = folder
        self._rng = random.Random(seed)
        self._ends: dict[str, tuple[str, int, int]] = {}
        self._edges: dict[str, set[int]] = {}
        self.damage = Damage()

    async def prepare(self) -> None:
        """Writes the spool, and an empty database to copy."""
        database = await Database.open(f"sqlite:///{self._folder}/empty.db")
        await database.close()
        spool = Spool.open(self._folder / "whole", _BOUNDS)
        spool.start(began(900_000))
        for number in range(_RECORDS):
            spool.start(began(number))
            segment = spool.settle("prices/1", ended(number))
            assert segment is not None
            end = len(segment.written())
            length = HEAD_BYTES + len(settled_payload("prices/1", ended(number)))
            self._ends[f"req_{number:06}"] = segment.path.name, end - length, end
        await spool.close()
        self._edges = {path.name: _edges(path) for path in spool.directory.glob("*.spool")}

    async def cut(self) -> None:
        """A file ends somewhere, as after a cut of power."""
        await self._round(is_flip=False)

    async def flip(self) -> None:
        """A bit of a file is another, as on a bad disk."""
        await self._round(is_flip=True)

    async def _round(self, *, is_flip: bool) -> None:
        folder = self._folder / "round"
        shutil.copytree(self._folder / "whole", folder / "spool")
        shutil.copy(self._folder / "empty.db", folder / "perpetuo.db")
        path, place = self._harm(folder / "spool", is_flip=is_flip)
        found, broken = await self._started(folder)
        self._compare(found, path.name, place, is_flip=is_flip)
        # A cut between two frames harms none of them; all other damage must be noticed.
        is_harmless = not is_flip and place in self._edges[path.name]
        self.damage.unnoticed += not (broken or is_harmless)
        self.damage.rounds += 1
        shutil.rmtree(folder)

    def _harm(self, spool: Path, *, is_flip: bool) -> tuple[Path, int]:
        paths = sorted(spool.glob("run_*/*.spool"))
        used = {path: len(path.read_bytes().rstrip(b"\0")) for path in paths}
        path = self._rng.choice([path for path in paths if used[path]])
        content = bytearray(path.read_bytes())
        place = self._rng.randrange(used[path])
        if is_flip:
            content[place] ^= 1 << self._rng.randrange(8)
        else:
            del content[place:]
        path.write_bytes(content)
        return path, place

    async def _started(self, folder: Path) -> tuple[dict[str, OperationRecord], bool]:
        """The records that a start finds, and whether it noticed any damage."""
        database = await Database.open(f"sqlite:///{folder}/perpetuo.db")
        ledger = open_ledger(database, "prices/1", LedgerOptions(folder / "spool", 8, SyncPolicy.OFF, False))
        self.damage.failed_starts += not await ledger.replayed(60.0)
        broken = ledger.broken_count > 0
        await ledger.close()
        async with database.read() as tx:
            rows = await tx.operations.recent("ws_1", 1000)
            records = [await tx.operations.get("ws_1", row.request_id) for row in rows]
        await database.close()
        return {record.request_id: record for record in records if record is not None}, broken

    def _compare(self, found: dict[str, OperationRecord], name: str, place: int, *, is_flip: bool) -> None:
        for number in range(_RECORDS):
            request_id = f"req_{number:06}"
            where, start, end = self._ends[request_id]
            is_harmed = where == name and (start <= place < end if is_flip else place < end)
            record = found.pop(request_id, None)
            if is_harmed:
                self.damage.invented += record is not None and record.outcome != "interrupted"
                continue
            self.damage.survived += 1
            self.damage.missing += record is None
            self.damage.changed += record is not None and record != _as_kept(number)
        found.pop("req_900000", None)
        self.damage.invented += len(found)


def _as_kept(number: int) -> OperationRecord:
    """The record as it is read from the database: without NUL, and without the sources of its prices."""
    record = ended(number)
    attempts = (
        replace(attempt, price_version="", detail=attempt.detail.replace("\x00", "\ufffd"))
        for attempt in record.attempts
    )
    return replace(record, price_version="", attempts=tuple(attempts))


def _edges(path: Path) -> set[int]:
    """Where frames begin and end."""
    places = [0]
    for payload in Scan(path.read_bytes(), mark_of(path)):
        places.append(places[-1] + HEAD_BYTES + len(payload))
    return set(places)
