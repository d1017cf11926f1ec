"""What is kept beside the records, and for how long: prompts, answers, responses, and the removal of what is old."""

from datetime import UTC, datetime

from msgspec import Struct

from server.ledger.contents import ContentBounds, ContentWriter
from server.ledger.responses import KeptResponses
from server.ledger.retention import Retention, RetentionRules
from server.providers.pieces import answer_so_far
from server.storage.database import Database

_KIB = 1024
_MIB = 1024 * _KIB


class KeepingRules(Struct, frozen=True):
    """Days of content and of logs (0: for ever), and how much of a prompt and of an answer is kept, in KiB.

    Of responses that callers want kept: days, the largest in KiB, and how much of a workspace's in MiB.
    """

    content_days: int
    log_days: int
    content_max_kib: int
    response_days: int = 30
    response_max_kib: int = 4096
    responses_max_mib: int = 256


class Keeping:
    """Made in the event loop that it belongs to; `start` it and `close` it."""

    def __init__(self, database: Database, rules: KeepingRules) -> None:
        self._rules = RetentionRules(
            rules.content_days, rules.log_days, rules.response_days, rules.responses_max_mib * _MIB
        )
        self.responses = KeptResponses(database, rules.response_max_kib * _KIB)
        self.contents = ContentWriter(database, ContentBounds(rules.content_max_kib * _KIB), answer_so_far)
        self._retention = Retention(database, self._rules)

    def logs_from(self) -> datetime | None:
        """The moment from which on logs are kept; None for all."""
        return self._rules.logs_from(datetime.now(UTC))

    def start(self) -> None:
        """Begins to remove what is too old."""
        self._retention.start()

    async def close(self) -> None:
        """Stops removing, and writes what still waits. Safe to call twice."""
        await self._retention.close()
        await self.contents.close()
