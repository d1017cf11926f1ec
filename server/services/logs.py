"""LogsService: the request records of a workspace."""

from perpetuo.v1 import logs_pb2, logs_pb2_grpc

from server.accounts.service import Accounts
from server.ledger.log_query import AskedLogs
from server.ledger.logs import Logs
from server.services.calling import Calls, Context
from server.services.log_shapes import log_detail_message, log_message


class LogsServicer(logs_pb2_grpc.LogsServiceServicer):
    """Serves request records."""

    def __init__(self, accounts: Accounts, logs: Logs, calls: Calls) -> None:
        self._accounts = accounts
        self._logs = logs
        self._calls = calls

    async def ListLogs(self, request: logs_pb2.ListLogsRequest, context: Context) -> logs_pb2.ListLogsResponse:
        """A page, newest first."""
        workspace = await self._accounts.workspace(self._calls.principal().user_id, request.workspace_id)
        page = await self._logs.page(workspace.id, _asked(request))
        return logs_pb2.ListLogsResponse(
            logs=[log_message(record) for record in page.records], next_page_token=page.next_page_token
        )

    async def GetLog(self, request: logs_pb2.GetLogRequest, context: Context) -> logs_pb2.GetLogResponse:
        """One record with its attempts."""
        workspace = await self._accounts.workspace(self._calls.principal().user_id, request.workspace_id)
        record, content = await self._logs.get(workspace.id, request.request_id)
        return logs_pb2.GetLogResponse(log=log_detail_message(record, content))


def _asked(request: logs_pb2.ListLogsRequest) -> AskedLogs:
    return AskedLogs(
        limit=request.limit if request.HasField("limit") else None,
        page=request.page if request.HasField("page") else None,
        page_token=request.page_token,
        provider=request.provider,
        model=request.model,
        status=request.status,
        key_id=request.key_id,
        start_date=request.start_date,
        end_date=request.end_date,
    )
