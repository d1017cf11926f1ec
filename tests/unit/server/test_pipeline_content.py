"""What the pipeline leaves of a request: what was said goes to its keeper, and the record is what the policy allows."""

from typing import Any

import pytest

from server import errors
from server.chat.content import Content, ContentPolicy
from server.chat.policy import RoutingPolicy
from server.chat.records import OperationRecord
from server.routing.router import Router
from tests.unit.server.piped import ASKS_USAGE, BODY, build, call
from tests.unit.server.routing.scripted import DONE, FINISH, HI, ROLE, USAGE, Reply, whole


class Keeper:
    """Keeps what was said, whatever the policy."""

    def __init__(self) -> None:
        self.kept: list[tuple[OperationRecord, Content]] = []
        self.asked: list[ContentPolicy] = []

    def begin(self, policy: ContentPolicy, request: bytes) -> Content | None:
        self.asked.append(policy)
        return Content(False, 1_000_000, request)

    def keep(self, record: OperationRecord, content: Content) -> None:
        self.kept.append((record, content))


async def test_what_was_said_is_left_with_the_keeper_as_it_went_out() -> None:
    keeper = Keeper()
    pipeline, ledger, _ = build(
        [whole(), Reply([ROLE, HI, FINISH, USAGE, DONE])], RoutingPolicy(content="full"), keeper
    )
    answer = await pipeline.complete(call(), BODY)
    events = [event async for ready in pipeline.stream(call(), ASKS_USAGE) for event in ready]
    assert [(content.request, content.pieces) for _, content in keeper.kept] == [
        (BODY, [answer]),
        (ASKS_USAGE, events),
    ]
    assert [record for record, _ in keeper.kept] == ledger.records
    assert keeper.asked == ["full", "full"]


async def test_what_was_never_asked_of_anybody_is_not_kept() -> None:
    keeper = Keeper()
    pipeline, ledger, _ = build([whole()], RoutingPolicy(content="full"), keeper)
    with pytest.raises(errors.RequestInvalid):
        await pipeline.complete(call(), b"{")
    assert (len(ledger.records), keeper.kept) == (1, [])


@pytest.mark.parametrize(
    ("policy", "expected"), [("off", (None, "", "", ())), ("metadata", ("mine", "m", "simple", ()))]
)
async def test_a_workspace_decides_what_is_recorded(policy: ContentPolicy, expected: tuple[Any, ...]) -> None:
    pipeline, ledger, _ = build([whole()], RoutingPolicy(content=policy))
    await pipeline.complete(call(client_request_id="mine"), BODY)
    [record] = ledger.records
    assert (record.client_request_id, record.model_requested, record.complexity, record.notes) == expected
    assert (record.model, record.cost_nanousd, record.status) == ("m", 5, 200)


async def test_nothing_is_recorded_that_an_unknown_policy_may_not_want(monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(self: Router, workspace_id: str) -> RoutingPolicy:
        raise errors.StoreUnavailable("away")

    monkeypatch.setattr(Router, "policy", away)
    pipeline, ledger, _ = build([whole()])
    with pytest.raises(errors.StoreUnavailable):
        await pipeline.complete(call(client_request_id="mine"), BODY)
    assert ledger.records[0].client_request_id is None
