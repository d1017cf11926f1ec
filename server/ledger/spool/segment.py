"""One file of the spool, mapped into memory: what is copied in is the kernel's, and outlives this process.

Its space is allocated when it is made, so that writing into it never fails, whatever becomes of the disk.
"""

import mmap
import os
import secrets
from pathlib import Path
from typing import Self

from server.ledger.spool.frames import HEAD_BYTES, MARK_BYTES, checksum_of, head_of

SUFFIX = ".spool"

_CHUNK = bytes(64 * 1024)
_NOT_NEEDED: int | None = getattr(mmap, "MADV_DONTNEED", None)


class Segment:
    """A segment that is written.

    `waiting` counts its ends that are not in the database yet. `is_spilled` says that some of its ends are nowhere
    else, `end_bytes` how much is written.
    """

    def __init__(self, path: Path, mark: bytes, descriptor: int, size_bytes: int) -> None:
        self.path = path
        self.size_bytes = size_bytes
        self.waiting = 0
        self.is_spilled = False
        self._mark = mark
        self._descriptor = descriptor
        self._map = mmap.mmap(descriptor, size_bytes)
        self._write = self._map.write  # goes on behind what it wrote before
        self.end_bytes = 0
        self._released_bytes = 0

    @classmethod
    def create(cls, directory: Path, number: int, size_bytes: int) -> Self:
        """Makes the file, for the owner alone. Raises OSError when there is no room for all of it."""
        mark = b"\xff" + secrets.token_bytes(MARK_BYTES - 1)
        path = directory / f"{number:08}-{mark.hex()}{SUFFIX}"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            _allocate(descriptor, size_bytes)
            return cls(path, mark, descriptor, size_bytes)
        except BaseException:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise

    @property
    def filled(self) -> float:
        """How much of it is written, 0 to 1."""
        return self.end_bytes / self.size_bytes

    @property
    def has_ends(self) -> bool:
        """Whether there are ends in it that the database does not have."""
        return bool(self.waiting or self.is_spilled)

    def append(self, payload: bytes) -> bool:
        """Writes a payload; says whether there was room for it."""
        length = len(payload)
        end_bytes = self.end_bytes + HEAD_BYTES + length
        if end_bytes > self.size_bytes:
            return False
        self._write(head_of(self._mark, length, checksum_of(payload, length)) + payload)
        self.end_bytes = end_bytes
        return True

    def written(self) -> bytes:
        """A copy of what was written."""
        return self._map[: self.end_bytes]

    def release(self) -> None:
        """Takes what was written out of this process's memory. It is in the file, and the kernel has the pages."""
        written = self.end_bytes - self.end_bytes % mmap.PAGESIZE
        if _NOT_NEEDED is not None and written > self._released_bytes:
            self._map.madvise(_NOT_NEEDED, self._released_bytes, written - self._released_bytes)
            self._released_bytes = written

    @property
    def mark(self) -> bytes:
        """The mark of its frames."""
        return self._mark

    def sync(self) -> None:
        """Waits until the disk has it; from any thread. Raises OSError."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Leaves the file as it is. Safe to call twice."""
        if not self._map.closed:
            self._map.close()
            os.close(self._descriptor)

    def remove(self) -> None:
        """Ends the file too."""
        self.close()
        self.path.unlink(missing_ok=True)


def mark_of(path: Path) -> bytes:
    """The mark of a segment, from its name. Raises ValueError for a name that is none."""
    mark = bytes.fromhex(path.name.removesuffix(SUFFIX).partition("-")[2])
    if len(mark) != MARK_BYTES:
        raise ValueError(f"{path.name} is not the name of a segment")
    return mark


def _allocate(descriptor: int, size_bytes: int) -> None:
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(descriptor, 0, size_bytes)
        return
    for _ in range(0, size_bytes, len(_CHUNK)):
        os.write(descriptor, _CHUNK)
    os.truncate(descriptor, size_bytes)
