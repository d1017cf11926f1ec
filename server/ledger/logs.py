"""The logs of a workspace, read from the request records. Who may see a workspace is for others to say."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime

from msgspec import Struct

from server.chat.records import OperationRecord
from server.errors import ResourceNotFound
from server.ledger.analytics import minutes_from
from server.ledger.log_query import AskedLogs, read_query, since
from server.storage.contents import KeptContent
from server.storage.database import Database


class LogPage(Struct, frozen=True):
    """Records without their attempts, newest first, and the token of the page after them, empty if there is none."""

    records: tuple[OperationRecord, ...]
    next_page_token: str


class Logs:
    """Reads the logs. `providers` can be asked for by name, `kept_from` is the moment from which on logs are kept.

    What is older is not shown any more, whether it is removed already or not.
    """

    def __init__(
        self, database: Database, providers: Collection[str], kept_from: Callable[[], datetime | None] = lambda: None
    ) -> None:
        self._database = database
        self._providers = providers
        self._kept_from = kept_from

    async def page(self, workspace_id: str, asked: AskedLogs) -> LogPage:
        """A page of the workspace's records. Raises RequestInvalid, StoreUnavailable."""
        query = read_query(asked, self._providers)
        async with self._database.read() as tx:
            found = await tx.operations.recent(
                workspace_id,
                query.limit + 1,
                query.before,
                only=since(query.only, self._kept_from()),
                skip=query.skip,
                minutes_from=minutes_from(datetime.now(UTC)),
            )
        records = found[: query.limit]
        if len(found) == len(records):
            return LogPage(records, "")
        last = records[-1]
        return LogPage(records, query.token_after((last.created_at, last.request_id)))

    async def get(self, workspace_id: str, request_id: str) -> tuple[OperationRecord, KeptContent | None]:
        """One record with its attempts, and what was said if it is kept. Raises ResourceNotFound, StoreUnavailable."""
        kept_from = self._kept_from()
        async with self._database.read() as tx:
            found = await tx.operations.get(workspace_id, request_id)
            if found is None or (kept_from is not None and found.created_at < kept_from):
                raise ResourceNotFound("No request of that id is in the logs of this workspace.", param="request_id")
            return found, await tx.contents.get(workspace_id, request_id)
