"""What is written of a batch of request records: rows of operations, and for those that are new the rest. Pure."""

from collections.abc import Sequence

from server.chat.records import OperationRecord
from server.storage.backend import Addition
from server.storage.rollups import rollup_additions
from server.storage.rows import Row, attempt_row, operation_row
from server.storage.tables import ATTEMPTS

_ATTEMPT_KEY = ("request_id", "number")


class Batch:
    """Records, each once and by their ids. `rows` comes first; both may be called in any thread, one at a time."""

    def __init__(self, operations: Sequence[OperationRecord], price_version: str) -> None:
        """`price_version` is the source of prices behind costs whose record names none."""
        by_id = {operation.request_id: operation for operation in reversed(operations)}
        self._operations = [by_id[request_id] for request_id in sorted(by_id)]
        self._price_version = price_version
        self._rows: list[Row] = []

    def rows(self) -> Sequence[Row]:
        """Those of the operations. Raises ValueError for what no database can hold."""
        price_version = self._price_version
        self._rows = [operation_row(operation, price_version) for operation in self._operations]
        return self._rows

    def also(self, new_ids: frozenset[str]) -> Sequence[Addition]:
        """The attempts of operations that are new, and what these add to the roll-ups."""
        operations, rows, price_version = self._operations, self._rows, self._price_version
        if len(new_ids) < len(rows):
            operations = [operation for operation in operations if operation.request_id in new_ids]
            rows = [row for row in rows if row[0] in new_ids]
        attempts = [
            attempt_row(operation.request_id, attempt, price_version)
            for operation in operations
            for attempt in operation.attempts
        ]
        return [Addition(ATTEMPTS, _ATTEMPT_KEY, attempts), *rollup_additions(operations, rows)]
