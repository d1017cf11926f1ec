"""What is looked up before a call and written after it, as the workspace's policy allows."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from server.chat.content import ContentPolicy
from server.chat.policy import RoutingPolicy
from server.chat.principal import Call, Plan, Principal
from server.errors import ParamUnsupported, PerpetuoError, RequestInvalid, ResourceNotFound, StoreUnavailable
from server.ingress.responses.face import ResponsesFace
from server.ledger.responses import KeptResponses
from server.services.response_states import ResponseStates
from server.storage.database import Database
from tests.unit.server.ingress.messages.bodies import completion
from tests.unit.server.ingress.responses.bodies import body


def call(request_id: str = "req_1", workspace_id: str = "ws_1") -> Call:
    return Call(request_id, Principal("usr_1", workspace_id, Plan.FREE), 0.0, 60.0)


@pytest_asyncio.fixture(loop_scope="session")
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await Database.open(f"sqlite:///{tmp_path}/perpetuo.db")
    yield opened
    await opened.close()


def states(database: Database, content: ContentPolicy = "metadata") -> ResponseStates:
    async def policy_of(workspace_id: str) -> RoutingPolicy:
        return RoutingPolicy(content=content)

    return ResponseStates(KeptResponses(database, 100_000), policy_of)


async def answered(found: ResponseStates, asking: Call, said: str, **members: Any) -> dict[str, Any]:
    """One exchange, from the request to the end of its answer."""
    text = body(**members)
    face = await found.face(asking, text)
    face.read(text, stream=False)
    [answer] = await found.end(asking, face, [face.whole(completion({"content": said}))])
    told: dict[str, Any] = json.loads(answer)
    return told


async def refusal(found: ResponseStates, asking: Call, **members: Any) -> PerpetuoError:
    face: ResponsesFace = await found.face(asking, body(**members))
    with pytest.raises(PerpetuoError) as caught:
        face.read(body(**members), stream=False)
    return caught.value


async def test_a_conversation_goes_on_from_what_is_kept(database: Database) -> None:
    found = states(database)
    first = await answered(found, call("req_1"), "Yes", input="One", store=True, instructions="Be brief.")
    await answered(found, call("req_2"), "No", input="Two", store=True, previous_response_id=first["id"])
    face = await found.face(call("req_3"), text := body(input="Three", previous_response_id="resp_2"))
    request = face.read(text, stream=False)
    assert [message.content for message in request.view.messages] == ["One", "Yes", "Two", "No", "Three"]


async def test_nothing_is_kept_unless_it_is_asked_for(database: Database) -> None:
    found = states(database)
    for members in ({}, {"store": False}, {"store": None}):
        assert (await answered(found, call(), "Yes", **members))["store"] is False
    with pytest.raises(ResourceNotFound):
        await found.kept.get("ws_1", "resp_1")


@pytest.mark.parametrize("workspace_id", ["ws_1", "ws_2"], ids=["absent", "of another workspace"])
async def test_what_is_not_there_is_refused_alike(database: Database, workspace_id: str) -> None:
    found = states(database)
    if workspace_id == "ws_2":
        await answered(found, call(), "Yes", store=True)
    error = await refusal(found, call("req_9", workspace_id), previous_response_id="resp_1")
    assert isinstance(error, RequestInvalid)
    assert error.param == "previous_response_id"
    assert "resp_1" not in error.message


async def test_a_workspace_that_wants_nothing_kept_has_nothing_kept(database: Database) -> None:
    error = await refusal(states(database, "off"), call(), store=True)
    assert isinstance(error, ParamUnsupported)
    assert error.param == "store"
    assert (await answered(states(database, "off"), call(), "Yes"))["store"] is False


async def test_a_workspace_without_personal_data_has_none_kept(database: Database) -> None:
    found = states(database, "redacted")
    told = await answered(found, call(), "Write to bob@example.com", input="I am ann@example.com", store=True)
    assert "bob@example.com" in json.dumps(told)
    kept = await found.kept.get("ws_1", "resp_1")
    assert b"example.com" not in kept.items + kept.response


async def test_what_cannot_be_looked_up_is_refused_and_what_cannot_be_kept_is_told(database: Database) -> None:
    found = states(database)
    text = body(store=True)
    face = await found.face(call(), text)
    face.read(text, stream=False)
    await database.close()
    [answer] = await found.end(call(), face, [face.whole(completion({"content": "Yes"}))])
    told = json.loads(answer)
    assert told["store"] is False
    assert "database" in told["gateway_metadata"]["notes"][-1]
    assert isinstance(await refusal(found, call(), previous_response_id="resp_1"), StoreUnavailable)
