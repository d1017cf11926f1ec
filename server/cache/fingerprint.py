"""The name of a request in the cache: equal for requests that must get the same answer, and for no others.

Pure. In it are the workspace, what its key may use, how it is routed and through which entries with which credentials,
and the request in a canonical form: without the members that do not change the answer, whatever the order of members,
the spelling of whitespace, and whether a number says `1` or `1.0`. In schemas the order of properties counts, because
providers write the members of an answer in that order.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from server.chat.deployment import Deployment
from server.chat.native import NativeRequest
from server.chat.request import ChatRequest

_WITHOUT_EFFECT: Final = frozenset(
    {
        "gateway",
        "metadata",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "stream",
        "stream_options",
        "user",
    }
)
_WITH_SCHEMAS: Final = ("functions", "response_format", "tools")
_EXACT: Final = 2**53
_NATIVE: Final = "as it came"
_STRICT: Final = "nothing lost"

_DECODER: Final = msgspec.json.Decoder()
_ENCODER: Final = msgspec.json.Encoder(order="deterministic")


@dataclass(frozen=True, slots=True)
class Scope:
    """Who may share answers: callers of one workspace whose keys may use the same, over the same entries."""

    workspace_id: str
    allowed_models: tuple[str, ...]
    strategy: str
    deployments: Sequence[Deployment]


def fingerprint(request: ChatRequest, scope: Scope) -> bytes | None:
    """32 bytes; None for a request that has no canonical form, as one with a number that no double holds."""
    try:
        members = _DECODER.decode(request.body)
        native = None if request.native is None else _native(request.native)
    except msgspec.ValidationError:
        return None
    kept = {name: _plain(value) for name, value in members.items() if value is not None and name not in _WITHOUT_EFFECT}
    if native is not None:
        kept[_NATIVE] = native
    if request.is_strict:
        kept[_STRICT] = True
    digest = hashlib.blake2b(digest_size=32)
    for part in (*_of_scope(scope), _ENCODER.encode(kept), _ENCODER.encode(_property_orders(kept))):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


def _native(native: NativeRequest) -> dict[str, Any]:
    """The members of a request in the form of its face; what goes on in headers counts too."""
    members = {name: _DECODER.decode(raw) for name, raw in native.members.items() if name not in _WITHOUT_EFFECT}
    return {"face": native.face, "members": members, "headers": dict(native.headers)}


def _of_scope(scope: Scope) -> Iterable[bytes]:
    yield scope.workspace_id.encode()
    yield scope.strategy.encode()
    yield _ENCODER.encode(sorted(scope.allowed_models))
    # Sorted, because the order of entries is not part of what they are.
    yield b"".join(sorted(_of_deployment(deployment) for deployment in scope.deployments))


def _of_deployment(deployment: Deployment) -> bytes:
    text = _ENCODER.encode(
        [
            deployment.provider_id,
            deployment.provider,
            deployment.base_url,
            deployment.api_key,
            deployment.priority,
            sorted(deployment.models),
        ]
    )
    return hashlib.blake2b(text, digest_size=32).digest()


def _plain(value: Any) -> Any:
    """A number that is whole as an integer."""
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return int(value)
    return value


def _property_orders(members: dict[str, Any]) -> list[list[str]]:
    """The names of every schema's properties, in their order."""
    orders: list[list[str]] = []
    for name in _WITH_SCHEMAS:
        if name in members:
            _collect_orders(members[name], orders)
    return orders


def _collect_orders(node: Any, orders: list[list[str]]) -> None:
    """Walks a tree in an order that does not hang on that of its members; the depth is bounded by what is accepted."""
    if isinstance(node, list):
        for child in node:
            _collect_orders(child, orders)
    elif isinstance(node, dict):
        properties = node.get("properties")
        if isinstance(properties, dict):
            orders.append(list(properties))
        for name in sorted(node):
            _collect_orders(node[name], orders)
