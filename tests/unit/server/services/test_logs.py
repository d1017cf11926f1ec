"""LogsService over the in-process channel: what was called is in the logs, for the members of the workspace alone."""

import contextlib

import grpc.aio
import pytest
from google.api import httpbody_pb2
from perpetuo.v1 import auth_pb2, completions_pb2, completions_pb2_grpc, logs_pb2, logs_pb2_grpc

from server.accounts.providers import NewProvider
from server.app import Core
from tests.unit.server.services.calls import bearer, refused

BODY = b'{"model":"demo/%s","messages":[{"role":"user","content":"one two"}]}'


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> "logs_pb2_grpc.LogsServiceAsyncStub":
    return logs_pb2_grpc.LogsServiceStub(channel)


async def call(core: Core, key: str, *models: bytes) -> None:
    completions = completions_pb2_grpc.CompletionsServiceStub(core.server.channel)
    for model in models:
        body = httpbody_pb2.HttpBody(data=BODY % model)
        request = completions_pb2.CreateRawChatCompletionRequest(body=body)
        with contextlib.suppress(grpc.aio.AioRpcError):
            await completions.CreateRawChatCompletion(request, metadata=bearer(key))
    await core._ledger.flush()


async def with_provider(core: Core, signed_up: auth_pb2.SignUpResponse) -> tuple[tuple[str, str], ...]:
    """Gives the user the demo provider; the metadata of a signed-in user."""
    await core.stores.entries.add(signed_up.workspace.id, NewProvider("demo"))
    return bearer(signed_up.token)


async def test_calls_are_listed_newest_first_and_shown_with_their_attempts(
    core: Core, stub: "logs_pb2_grpc.LogsServiceAsyncStub", signed_up: auth_pb2.SignUpResponse
) -> None:
    mine = await with_provider(core, signed_up)
    await call(core, signed_up.api_key, b"echo", b"error-500", b"json")
    answer = await stub.ListLogs(logs_pb2.ListLogsRequest(workspace_id=signed_up.workspace.id), metadata=mine)
    assert [(log.model, log.status, log.provider) for log in answer.logs] == [
        ("json", 200, "demo"),
        ("demo/error-500", 503, ""),
        ("echo", 200, "demo"),
    ]
    assert answer.next_page_token == ""
    failed = await stub.GetLog(logs_pb2.GetLogRequest(request_id=answer.logs[1].request_id), metadata=mine)
    assert failed.log.outcome == "UPSTREAM_UNAVAILABLE"
    assert [attempt.status for attempt in failed.log.attempts] == [500] * len(failed.log.attempts)
    assert failed.log.attempts[0].number == 1


async def test_filters_and_pages_reach_the_store(
    core: Core, stub: "logs_pb2_grpc.LogsServiceAsyncStub", signed_up: auth_pb2.SignUpResponse
) -> None:
    mine = await with_provider(core, signed_up)
    await call(core, signed_up.api_key, b"echo", b"error-500", b"json")
    key_id = (await stub.ListLogs(logs_pb2.ListLogsRequest(), metadata=mine)).logs[0].key_id
    for only, models in (
        (logs_pb2.ListLogsRequest(status="error"), ["demo/error-500"]),
        (logs_pb2.ListLogsRequest(status="success", provider="demo", key_id=key_id), ["json", "echo"]),
        (logs_pb2.ListLogsRequest(model="echo", start_date="2026-01-01"), ["echo"]),
        (logs_pb2.ListLogsRequest(end_date="2026-01-01"), []),
        (logs_pb2.ListLogsRequest(limit=1, page=2), ["demo/error-500"]),
    ):
        found = await stub.ListLogs(only, metadata=mine)
        assert [log.model for log in found.logs] == models
    first = await stub.ListLogs(logs_pb2.ListLogsRequest(limit=2), metadata=mine)
    rest = await stub.ListLogs(logs_pb2.ListLogsRequest(page_token=first.next_page_token), metadata=mine)
    assert [log.model for log in (*first.logs, *rest.logs)] == ["json", "demo/error-500", "echo"]


async def test_a_foreign_workspace_is_as_absent_as_one_that_is_not_there(
    stub: "logs_pb2_grpc.LogsServiceAsyncStub", core: Core, signed_up: auth_pb2.SignUpResponse
) -> None:
    demo = await core.stores.accounts.find_user("demo@perpetuo.dev")
    assert demo is not None
    foreign = (await core.stores.accounts.default_workspace(demo.id)).id
    mine = bearer(signed_up.token)
    for workspace_id in (foreign, "ws_nope"):
        expected = ("RESOURCE_NOT_FOUND", "workspace_id")
        listed = stub.ListLogs(logs_pb2.ListLogsRequest(workspace_id=workspace_id), metadata=mine)
        assert await refused(listed) == expected
        shown = stub.GetLog(logs_pb2.GetLogRequest(workspace_id=workspace_id, request_id="req_1"), metadata=mine)
        assert await refused(shown) == expected


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (logs_pb2.ListLogsRequest(limit=0), "limit"),
        (logs_pb2.ListLogsRequest(page=0), "page"),
        (logs_pb2.ListLogsRequest(provider="nobody"), "provider"),
        (logs_pb2.ListLogsRequest(page_token="nope"), "page_token"),
    ],
    ids=["no rows", "no page", "an unknown provider", "a token of nobody"],
)
async def test_what_makes_no_sense_is_refused(
    stub: "logs_pb2_grpc.LogsServiceAsyncStub",
    signed_up: auth_pb2.SignUpResponse,
    request_: logs_pb2.ListLogsRequest,
    param: str,
) -> None:
    call = stub.ListLogs(request_, metadata=bearer(signed_up.token))
    assert await refused(call) == ("REQUEST_INVALID", param)
