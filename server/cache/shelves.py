"""Things in memory, each of a workspace: the newest and most used, up to a number of bytes in all and an age.

When there is no room, the workspace that takes most gives way, so that no workspace can push out what others keep in
their equal share. Time is an argument.
"""

from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")

Place = tuple[str, bytes]
"""Whose it is, by the id of the workspace, and the key within it."""

_LARGEST_SHARE = 16


class _Shelf(Generic[T]):
    """What one workspace keeps, used longest ago first: when it came, how many bytes it takes, and the thing."""

    __slots__ = ("entries", "size_bytes")

    def __init__(self) -> None:
        self.entries: OrderedDict[bytes, tuple[float, int, T]] = OrderedDict()
        self.size_bytes = 0

    def drop(self, key: bytes) -> int:
        """Takes a thing out, if it is there; what that frees."""
        entry = self.entries.pop(key, None)
        if entry is None:
            return 0
        self.size_bytes -= entry[1]
        return entry[1]


class Shelves(Generic[T]):
    """Keeps things for `ttl_s` seconds in at most `max_bytes`; those used longest ago go first.

    All workspaces share the bytes. One alone may take them all; as soon as there is no room, whoever takes most loses
    its own oldest.
    """

    def __init__(self, max_bytes: int, ttl_s: float) -> None:
        self.largest_bytes = max_bytes // _LARGEST_SHARE
        self.max_bytes = max_bytes
        self.ttl_s = ttl_s
        self._shelves: dict[str, _Shelf[T]] = {}
        self.size_bytes = 0

    def __len__(self) -> int:
        return sum(len(shelf.entries) for shelf in self._shelves.values())

    def size_of(self, workspace_id: str) -> int:
        """How many bytes a workspace takes."""
        shelf = self._shelves.get(workspace_id)
        return 0 if shelf is None else shelf.size_bytes

    def find(self, key: Place, now_s: float, max_age_s: float) -> T | None:
        """The thing of that key if it is young enough."""
        shelf = self._shelves.get(key[0])
        entry = None if shelf is None else shelf.entries.get(key[1])
        if shelf is None or entry is None:
            return None
        age_s = now_s - entry[0]
        if age_s >= self.ttl_s:
            self._drop(key)
            return None
        if age_s > max_age_s:
            return None
        shelf.entries.move_to_end(key[1])
        return entry[2]

    def put(self, key: Place, thing: T, size_bytes: int, now_s: float) -> bool:
        """Keeps a thing in place of an older one; refuses one that takes more than a share, `largest_bytes`."""
        if size_bytes > self.largest_bytes:
            return False
        self._drop(key)
        shelf = self._shelves.setdefault(key[0], _Shelf())
        shelf.entries[key[1]] = now_s, size_bytes, thing
        shelf.size_bytes += size_bytes
        self.size_bytes += size_bytes
        while self.size_bytes > self.max_bytes:
            largest = max(self._shelves, key=self.size_of)
            self._drop((largest, next(iter(self._shelves[largest].entries))))
        return True

    def _drop(self, key: Place) -> None:
        shelf = self._shelves.get(key[0])
        if shelf is not None:
            self.size_bytes -= shelf.drop(key[1])
            if not shelf.entries:
                del self._shelves[key[0]]
