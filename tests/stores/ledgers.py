"""Ledgers for tests that do not look at what is written down, or only at the records."""

from collections.abc import Awaitable

from server.chat.records import OperationRecord, OperationStart


class Nowhere:
    """A ledger that keeps nothing."""

    def check(self) -> None:
        return None

    def begin(self, start: OperationStart) -> None:
        return None

    def record(self, operation: OperationRecord) -> None:
        return None

    def secured(self) -> Awaitable[None] | None:
        return None

    async def flush(self) -> None:
        return None

    async def close(self) -> None:
        return None


class KeptLedger(Nowhere):
    """A ledger that keeps everything in memory, in order."""

    def __init__(self) -> None:
        self.records: list[OperationRecord] = []
        self.starts: list[OperationStart] = []

    def begin(self, start: OperationStart) -> None:
        self.starts.append(start)

    def record(self, operation: OperationRecord) -> None:
        self.records.append(operation)
