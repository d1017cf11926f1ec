"""The name of a request in the cache: equal for requests that must get the same answer, and for no others.

Pure. In it are the workspace, what its key may use, how it is routed and through which entries with which credentials,
and the request in a canonical form: without the members that do not change the answer, whatever the order of members,
the spelling of whitespace, and whether a number says `1` or `1.0`. In schemas the order of properties counts, because
providers write the members of an answer in that order.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgspec

from server.chat.deployment import Deployment
from server.chat.native import NativeRequest
from server.chat.principal import Principal
from server.chat.request import ChatRequest
from server.chat.view import Message

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
_ALL_BUT_LAST: Final = "all but the last turn"
_CONVERSATIONS: Final = ("messages", "input")

_DECODER: Final = msgspec.json.Decoder()
_ENCODER: Final = msgspec.json.Encoder(order="deterministic")
_NO_ORDERS: Final = (2).to_bytes(8, "big") + b"[]"


MOST_SCOPES: Final = 1024
"""How many are remembered."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Who may share answers: callers of one workspace whose keys may use the same, over the same entries.

    `begun` is the digest of it, to a copy of which the request is added.
    """

    workspace_id: str
    allowed_models: tuple[str, ...]
    strategy: str
    deployments: Sequence[Deployment]
    begun: hashlib.blake2b = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        begun = hashlib.blake2b(digest_size=32)
        for part in _of_scope(self):
            _add(begun, part)
        object.__setattr__(self, "begun", begun)


class Scopes:
    """The scopes of the last requests: as long as a workspace has the same entries, each is worked out once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, tuple[str, ...], str], Scope] = {}

    def of(self, principal: Principal, strategy: str, deployments: Sequence[Deployment]) -> Scope:
        """The scope of a caller; `deployments` are the same as before only where they are the same object."""
        name = principal.workspace_id, principal.allowed_models, strategy
        scope = self._known.get(name)
        if scope is None or scope.deployments is not deployments:
            self._known.pop(name, None)
            if len(self._known) >= MOST_SCOPES:
                del self._known[next(iter(self._known))]
            scope = self._known[name] = Scope(*name, deployments)
        return scope


class LastTurn(NamedTuple):
    """The text of the last turn, and 32 bytes that are equal for requests that say all else alike."""

    scope: bytes
    text: str


def fingerprint(request: ChatRequest, scope: Scope) -> bytes | None:
    """32 bytes; None for a request that has no canonical form, as one with a number that no double holds."""
    kept = _kept(request)
    return None if kept is None else _digest(scope, kept)


def last_turn(request: ChatRequest, scope: Scope, compared_by: str) -> LastTurn | None:
    """The user's last turn and all around it, to be compared by what `compared_by` names.

    None where not all that is said is text, the last turn is not the user's, or what is asked for is no chat.
    """
    native = request.native
    if (native is not None and native.needs) or not all(_is_text(message) for message in request.view.messages):
        return None
    last = request.view.messages[-1]
    kept = _kept(request) if last.role == "user" else None
    texts = _texts(last)
    if kept is None or not texts or not _blank(kept, "messages", texts):
        return None
    if native is not None and native.members and not _blank_native(kept[_NATIVE]["members"], texts):
        return None
    kept[_ALL_BUT_LAST] = compared_by
    return LastTurn(_digest(scope, kept), "\n".join(texts))


def _kept(request: ChatRequest) -> dict[str, Any] | None:
    """The members that change the answer; None where there is no canonical form of them."""
    try:
        members = _DECODER.decode(request.body)
        native = None if request.native is None else _native(request.native)
    except msgspec.ValidationError:
        return None
    kept = {
        name: _plain(value) if type(value) is float else value
        for name, value in members.items()
        if value is not None and name not in _WITHOUT_EFFECT
    }
    if native is not None:
        kept[_NATIVE] = native
    if request.is_strict:
        kept[_STRICT] = True
    return kept


def _digest(scope: Scope, kept: dict[str, Any]) -> bytes:
    digest, orders = scope.begun.copy(), _property_orders(kept)
    said = _ENCODER.encode(kept)
    if orders:
        _add(digest, said)
        _add(digest, _ENCODER.encode(orders))
    else:
        digest.update(b"%b%b%b" % (len(said).to_bytes(8, "big"), said, _NO_ORDERS))
    return digest.digest()


def _add(digest: hashlib.blake2b, part: bytes) -> None:
    digest.update(len(part).to_bytes(8, "big") + part)


def _is_text(message: Message) -> bool:
    content = message.content
    return not message.audio and (not isinstance(content, list) or all(part.type == "text" for part in content))


def _texts(message: Message) -> list[str]:
    """The texts of a message, part by part; empty for one without any."""
    content = message.content
    if isinstance(content, str):
        return [content]
    return [part.text for part in content if isinstance(part.text, str)] if isinstance(content, list) else []


def _blank(members: dict[str, Any], name: str, texts: list[str]) -> bool:
    """Takes the texts out of the last turn of a conversation; False if it does not say just these."""
    said = members.get(name)
    if isinstance(said, str):
        members[name] = ""
        return texts == [said]
    last = said[-1] if isinstance(said, list) and said else None
    content = last.get("content") if isinstance(last, dict) and last.get("role") == "user" else None
    if isinstance(content, str) and last is not None:
        last["content"] = ""
        return texts == [content]
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        return False
    found = [part.get("text") for part in content]
    for part in content:
        part["text"] = ""
    return found == texts


def _blank_native(members: dict[str, Any], texts: list[str]) -> bool:
    """The same for a request in the form of its face, whatever that calls the conversation."""
    names = [name for name in _CONVERSATIONS if name in members]
    return len(names) == 1 and _blank(members, names[0], texts)


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


def _plain(value: float) -> float:
    """A number that is whole as an integer."""
    return int(value) if value.is_integer() and abs(value) < _EXACT else value


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
