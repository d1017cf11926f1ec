"""What is written of a batch of request records: rows of operations, and for those that are new the rest. Pure."""

from collections.abc import Sequence

from server.chat.records import OperationRecord
from server.storage.backend import Addition
from server.storage.rollups import rollup_additions
from server.storage.rows import OWN, Group, attempt_row, grouped
from server.storage.tables import ATTEMPTS

_ATTEMPT_KEY = ("request_id", "number")
_CALL_STARTED_AT = OWN.index("call_started_at")


class Batch:
    """Records, each once and by their ids. `rows` comes first; both may be called in any thread, one at a time."""

    def __init__(self, operations: Sequence[OperationRecord], price_version: str) -> None:
        """`price_version` is the source of prices behind costs whose record names none."""
        by_id = {operation.request_id: operation for operation in reversed(operations)}
        self._operations = [by_id[request_id] for request_id in sorted(by_id)]
        self._price_version = price_version
        self._groups: Sequence[Group] = ()

    def rows(self) -> Sequence[Group]:
        """Those of the operations. Raises ValueError for what no database can hold."""
        self._groups = grouped(self._operations, self._price_version)
        return self._groups

    def also(self, new_ids: frozenset[str]) -> Sequence[Addition]:
        """The attempts of new operations whose rows do not say all of them, and what these operations add to the
        roll-ups.
        """
        operations, groups, price_version = self._operations, self._groups, self._price_version
        if len(new_ids) < len(operations):
            operations = [operation for operation in operations if operation.request_id in new_ids]
            left = [(common, [own for own in group if own[0] in new_ids]) for common, group in groups]
            groups = [(common, group) for common, group in left if group]
        untold = {own[0] for _, group in groups for own in group if own[_CALL_STARTED_AT] is None}
        several = [operation for operation in operations if operation.request_id in untold] if untold else []
        attempts = [
            attempt_row(operation.request_id, attempt, price_version)
            for operation in several
            for attempt in operation.attempts
        ]
        return [Addition(ATTEMPTS, _ATTEMPT_KEY, attempts), *rollup_additions(groups, several)]
