"""Workspaces as their members see them, change them and delete them. Every method checks the caller's role itself."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypedDict

from server.accounts.roles import Action, enter
from server.accounts.validation import checked_text
from server.chat.ids import new_id
from server.chat.principal import Role
from server.errors import Conflict, RequestInvalid
from server.storage.database import Database
from server.storage.workspaces import Membership, Workspace

MAX_FOUNDED = 100
STRATEGIES = ("default", "fastest", "cheapest", "reliable", "balanced")
CONTENT_POLICIES = ("off", "metadata", "redacted", "full")
MAX_TIMEOUT_S = 86_400.0
CACHE_POLICIES = ("off", "exact", "semantic", "default")
STREAM_MODES = ("direct", "buffered", "continue")
_WEIGHTS_TOLERANCE = 0.001
WEIGHTS = (0.40, 0.35, 0.25)
"""What cost, quality and speed weigh unless a workspace says otherwise."""


class WorkspaceChanges(TypedDict, total=False):
    """What to change of a workspace; what is not there stays. `weights` of cost, quality, speed; () are the usual."""

    name: str
    strategy: str
    weights: tuple[float, ...]
    content_policy: str
    cache_policy: str
    hedge: bool
    request_timeout_s: float | None
    stream_mode: str


class Workspaces:
    """The workspaces of users. `forget` is told of one that is gone."""

    def __init__(self, database: Database, forget: Callable[[str], None]) -> None:
        self._database = database
        self._forget = forget

    async def create(self, user_id: str, name: str, strategy: str = "default") -> Membership:
        """Makes a workspace that the user owns. Raises RequestInvalid, Conflict beyond 100 of them."""
        workspace = Workspace(
            id=new_id("ws_"),
            owner_id=user_id,
            name=_checked_name(name),
            strategy=_one_of(strategy, "strategy", STRATEGIES),
            is_default=False,
            created_at=datetime.now(UTC),
        )
        async with self._database.write() as tx:
            if await tx.workspaces.count_founded(user_id) >= MAX_FOUNDED:
                raise Conflict(f"You have {MAX_FOUNDED} workspaces, which is the most; delete one first.")
            await tx.workspaces.add(workspace)
        return Membership(workspace, Role.OWNER)

    async def of_user(self, user_id: str) -> tuple[Membership, ...]:
        """The workspaces that the user is a member of, oldest first."""
        async with self._database.read() as tx:
            return await tx.workspaces.of_user(user_id)

    async def enter(self, user_id: str, workspace_id: str, action: Action) -> Membership:
        """The workspace, if the user may do that there; without an id the default one.

        Raises ResourceNotFound, alike for an absent workspace and for another's; PermissionDenied.
        """
        async with self._database.read() as tx:
            return await enter(tx, user_id, workspace_id, action)

    async def change(self, user_id: str, workspace_id: str, changes: WorkspaceChanges) -> Membership:
        """Changes what is named. Raises ResourceNotFound, PermissionDenied, RequestInvalid naming the parameter."""
        values = _checked(changes)
        async with self._database.write() as tx:
            workspace = (await enter(tx, user_id, workspace_id, Action.CHANGE_WORKSPACE)).workspace
            await tx.workspaces.change(workspace.id, **values)
            changed = await enter(tx, user_id, workspace.id, Action.READ)
        self._forget(workspace.id)
        return changed

    async def delete(self, user_id: str, workspace_id: str) -> str:
        """Deletes a workspace with its keys and provider entries; answers its id.

        Raises ResourceNotFound, PermissionDenied, Conflict for somebody's default workspace.
        """
        async with self._database.write() as tx:
            workspace = (await enter(tx, user_id, workspace_id, Action.DELETE_WORKSPACE)).workspace
            if workspace.is_default:
                raise Conflict("This is the default workspace of its founder, which stays as long as the account.")
            await tx.workspaces.remove(workspace.id)
        self._forget(workspace.id)
        return workspace.id


def _checked(changes: WorkspaceChanges) -> WorkspaceChanges:
    checked = changes.copy()
    if "name" in changes:
        checked["name"] = _checked_name(changes["name"])
    if "strategy" in changes:
        checked["strategy"] = _one_of(changes["strategy"], "strategy", STRATEGIES)
    if "weights" in changes:
        checked["weights"] = _checked_weights(changes["weights"])
    if "content_policy" in changes:
        checked["content_policy"] = _one_of(changes["content_policy"], "content_policy", CONTENT_POLICIES)
    if "cache_policy" in changes:
        checked["cache_policy"] = _one_of(changes["cache_policy"], "cache_policy", CACHE_POLICIES)
    if "stream_mode" in changes:
        checked["stream_mode"] = _one_of(changes["stream_mode"], "stream_mode", STREAM_MODES)
    if (timeout_s := changes.get("request_timeout_s")) is not None and not 0.0 < timeout_s <= MAX_TIMEOUT_S:
        raise RequestInvalid(
            f"request_timeout_s is more than 0 and at most {MAX_TIMEOUT_S:,.0f} seconds.", param="request_timeout_s"
        )
    return checked


def _checked_name(name: str) -> str:
    checked = checked_text(name, "name")
    if not checked:
        raise RequestInvalid("A workspace has a name; name must not be empty.", param="name")
    return checked


def _checked_weights(weights: tuple[float, ...]) -> tuple[float, ...]:
    if not weights:
        return ()
    is_whole = math.isclose(sum(weights), 1.0, abs_tol=_WEIGHTS_TOLERANCE)
    if not is_whole or not all(0 <= weight <= 1 for weight in weights):
        raise RequestInvalid(
            "The weights of cost, quality and speed are 0 to 1 each and add up to 1, as 0.40, 0.35 and 0.25.",
            param="weights",
        )
    return weights


def _one_of(word: str, param: str, words: tuple[str, ...]) -> str:
    if word not in words:
        raise RequestInvalid(f"{param} is one of {', '.join(words)}.", param=param)
    return word
