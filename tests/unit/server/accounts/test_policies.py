"""Policies of workspaces: read from the row, kept for a moment, and forgotten when told."""

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from server.accounts.people import SignedUp
from server.accounts.policies import FRESH_S, Policies, policy_from
from server.accounts.service import Accounts
from server.chat.policy import RoutingPolicy, Weights
from server.storage.database import Database
from server.storage.workspaces import Workspace
from tests.unit.server.accounts.clock import Clock

ROW = Workspace("ws_1", "usr_1", "W", "cheapest", True, datetime.now(UTC))


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        pytest.param("cheapest", "cheapest", id="one that is known"),
        pytest.param("sideways", "default", id="one that is not known is the usual"),
    ],
)
def test_a_policy_is_read_from_its_row(strategy: str, expected: str) -> None:
    assert policy_from(replace(ROW, strategy=strategy)).strategy == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [("default", "default"), ("off", "off"), ("exact", "exact"), ("semantic", "semantic"), ("sideways", "default")],
)
def test_what_the_cache_may_keep(word: str, expected: str) -> None:
    assert policy_from(replace(ROW, cache_policy=word)).cache == expected


def test_how_long_requests_may_take_and_whether_they_are_hedged() -> None:
    assert (policy_from(ROW).timeout_s, policy_from(ROW).hedges) == (None, False)
    said = policy_from(replace(ROW, request_timeout_s=2.5, hedge=True))
    assert (said.timeout_s, said.hedges) == (2.5, True)


@pytest.mark.parametrize(
    ("word", "expected"),
    [("direct", "direct"), ("buffered", "buffered"), ("continue", "continue"), ("sideways", "direct")],
)
def test_how_streams_go_out(word: str, expected: str) -> None:
    assert policy_from(replace(ROW, stream_mode=word)).stream_mode == expected


@pytest.mark.parametrize("word", ["off", "metadata", "redacted", "full"])
def test_what_the_logs_may_hold(word: str) -> None:
    assert policy_from(replace(ROW, content_policy=word)).content == word
    assert policy_from(replace(ROW, content_policy="sideways")).content == "metadata"


def test_weights() -> None:
    assert policy_from(ROW).weights == Weights()
    assert policy_from(replace(ROW, weights=(0.5, 0.5, 0.0))).weights == Weights(0.5, 0.5, 0.0)


async def test_a_change_of_a_workspace_counts_at_once(accounts: Accounts, ana: SignedUp) -> None:
    assert (await accounts.policies.of(ana.workspace.id)).strategy == "default"
    await accounts.workspaces.change(ana.user.id, ana.workspace.id, {"strategy": "cheapest", "cache_policy": "off"})
    policy = await accounts.policies.of(ana.workspace.id)
    assert (policy.strategy, policy.cache) == ("cheapest", "off")


async def test_a_policy_is_kept_for_a_moment(database: Database, ana: SignedUp, clock: Clock) -> None:
    policies = Policies(database, clock)
    assert await policies.of(ana.workspace.id) == RoutingPolicy()
    async with database.write() as tx:
        await tx.workspaces.add(replace(ana.workspace, id="ws_0", strategy="fastest", is_default=False))
    assert (await policies.of("ws_0")).strategy == "fastest"
    assert await policies.of("ws_9") == RoutingPolicy()
    async with database.write() as tx:
        await tx.workspaces.add(replace(ana.workspace, id="ws_9", strategy="reliable", is_default=False))
    assert await policies.of("ws_9") == RoutingPolicy()
    clock.now_s += FRESH_S + 1
    assert (await policies.of("ws_9")).strategy == "reliable"


async def test_forgetting_counts_at_once(database: Database, ana: SignedUp, clock: Clock) -> None:
    policies = Policies(database, clock)
    assert await policies.of("ws_0") == RoutingPolicy()
    async with database.write() as tx:
        await tx.workspaces.add(replace(ana.workspace, id="ws_0", strategy="fastest", is_default=False))
    policies.forget("ws_0")
    assert (await policies.of("ws_0")).strategy == "fastest"
