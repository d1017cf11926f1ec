"""Every id field with foreign, deleted, random and malformed ids: all look alike, and nothing changes."""

from collections.abc import Iterator
from typing import Any

import httpx2

from edge.transcoder.binding import Binding
from tests.security.requests import LEAST_ROLE, Lot, fields_for, make_lot
from tests.security.world import BINDINGS, METHODS, Person, World, path_of, rest, together, without_ids

ID_FIELDS = ("workspace_id", "key_id", "provider_id", "user_id", "request_id")
# An id that only narrows a list finds nothing where it is not one of the list's.
FILTERS = {("ListLogs", "key_id"), ("ListRequests", "key_id"), ("ExportRequests", "key_id")}
MALFORMED = ("not-an-id", "ws_", "../x", "%", "ws_\x00", "ключ", "x" * 5000)
IN_PATHS = ("nonsense", "%00", "%F0%9F%94%91")
# Every id field of every RPC on a workspace.
FIELDS = [
    (method, field)
    for method in METHODS
    if method.name in LEAST_ROLE
    for field in ID_FIELDS
    if field in method.input_type.fields_by_name and (method.name, field) not in FILTERS
]
PATH_FIELDS = [
    (binding, variable.field)
    for binding in BINDINGS
    for variable in binding.template.variables
    if variable.field in ID_FIELDS
]


def strange_ids(field: str, own: Lot, foreign: Lot, deleted: Lot) -> dict[str, str]:
    """What may stand in the field and is not the caller's, by what it is."""
    prefix = own.ids()[field].partition("_")[0]
    return {
        "foreign": foreign.ids()[field],
        "deleted": deleted.ids()[field],
        "random": f"{prefix}_01kfjc5x8e5rq3z2m4t6w8y0ab",
        "of another kind": "key_1",
        **{f"malformed {text[:9]!r}": text for text in MALFORMED},
    }


async def lots(world: World, name: str) -> tuple[Person, Person, Lot, Lot, Lot]:
    """The caller, another, and three lots: the caller's, another's, and one whose everything was deleted."""
    accounts = world.core.stores.accounts
    ann, bob, cat, gone = [await world.person(f"{name}-{who}") for who in ("ann", "bob", "cat", "gone")]
    own, foreign = (
        await make_lot(world, ann, cat),
        await make_lot(world, bob, bob2 := await world.person(f"{name}-bob2")),
    )
    deleted = await make_lot(world, ann, gone)
    await accounts.workspaces.delete(ann.id, deleted.workspace_id)
    await accounts.delete_user(gone.id)
    return ann, bob2, own, foreign, deleted


async def test_an_id_of_another_looks_like_one_that_is_not_there(world: World) -> None:
    ann, other, own, foreign, deleted = await lots(world, "ids")
    headers = (("authorization", f"Bearer {ann.token}"),)
    before = world.snapshot()
    calls, cases = [], []
    for method, field in FIELDS:
        known = method.input_type.fields_by_name
        email = {"email": other.made.user.email} if "email" in known else {}
        for kind, value in strange_ids(field, own, foreign, deleted).items():
            fields = fields_for(method.name, known, own.ids() | {field: value})
            calls.append(world.call(method, fields | email, *headers))
            cases.append((method.full_name, field, kind))
    outcomes = await together(calls)
    told = [case for case, (reason, _) in zip(cases, outcomes, strict=True) if reason != "RESOURCE_NOT_FOUND"]
    messages: dict[tuple[str, str], set[str]] = {}
    for (method_name, field, _), (_, message) in zip(cases, outcomes, strict=True):
        messages.setdefault((method_name, field), set()).add(message)
    print(f"{len(FIELDS)} id fields x {len(cases) // len(FIELDS)} kinds of strange ids: {len(cases)} calls, all alike")
    assert told == []
    assert [key for key, texts in messages.items() if len(texts) != 1] == []
    assert world.snapshot() == before
    assert len(cases) > 250


def rest_requests(
    own: Lot, foreign: Lot, deleted: Lot, email: str
) -> Iterator[tuple[Binding, str, str, dict[str, Any]]]:
    """Binding, field, path and body of every request with a strange id in its path."""
    for binding, field in PATH_FIELDS:
        known = binding.request_class.DESCRIPTOR.fields_by_name
        body = fields_for(binding.rpc.rpartition("/")[2], known, {})
        body |= {"email": email} if "email" in known else {}
        body |= {"role": "viewer"} if "role" in body else {}
        for value in (foreign.ids()[field], deleted.ids()[field], f"{field}_1", *IN_PATHS):
            yield binding, field, path_of(binding, own.ids() | {field: value}), body


async def test_the_same_over_rest_in_every_path(world: World) -> None:
    ann, other, own, foreign, deleted = await lots(world, "rest")
    before = world.snapshot()
    seen: dict[tuple[str, str], list[Any]] = {}
    headers = {"authorization": f"Bearer {ann.token}"}
    requests = list(rest_requests(own, foreign, deleted, other.made.user.email))
    async with httpx2.AsyncClient(base_url=world.url, timeout=20, headers=headers) as client:
        for binding, field, path, body in requests:
            answer = await rest(client, binding, path, body=body)
            assert answer.status_code == 404, (binding.source, path, answer.text)
            seen.setdefault((binding.source, field), []).append(without_ids(answer))
    print(f"{len(requests)} requests over {len(seen)} id fields of paths, all 404 with one body for each")
    assert [key for key, bodies in seen.items() if any(body != bodies[0] for body in bodies)] == []
    assert world.snapshot() == before
