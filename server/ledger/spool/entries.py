"""What the payloads of the spool say: that a request began, or how it ended.

Pure. Written as MessagePack, members by place, so that the program before or after this one can read them; new ones
come last. Earlier programs wrote the members of an end by their names, and left out what was as usual: that is read.
"""

from typing import Any

import msgspec
from msgspec import Struct, structs

from server.chat.records import AttemptRecord, OperationRecord, OperationStart

INTERRUPTED = "interrupted"
"""The outcome of a request that began and never ended, because the process did."""

_NAMED_START = b"\x01"
_NAMED_SETTLED = b"\x02"
START = b"\x03"
"""Before the MessagePack of the beginning of a request."""
SETTLED = b"\x04"
"""Before the MessagePack of the source of prices and the record of a request that ended."""
_EARLIER = OperationStart.__struct_fields__.index("earlier")
_INTERRUPTED_STATUS = 500

encode = msgspec.msgpack.Encoder().encode
_start_decoder = msgspec.msgpack.Decoder(OperationStart)
_settled_decoder = msgspec.msgpack.Decoder(tuple[str, OperationRecord])
_named_start_decoder = msgspec.msgpack.Decoder(list[Any])
_named_settled_decoder = msgspec.msgpack.Decoder(tuple[str, dict[str, Any]])


class Settled(Struct, frozen=True):
    """A request that ended, and the source of prices behind its costs."""

    price_version: str
    operation: OperationRecord


def entry_of(payload: bytes) -> OperationStart | Settled:
    """What a payload says. Raises ValueError for one that this program cannot read."""
    kind, body = payload[:1], memoryview(payload)[1:]
    if kind == START:
        return _start_decoder.decode(body)
    if kind == SETTLED:
        return Settled(*_settled_decoder.decode(body))
    if kind == _NAMED_START:
        return _named_start(_named_start_decoder.decode(body))
    if kind == _NAMED_SETTLED:
        return _named_settled(*_named_settled_decoder.decode(body))
    raise ValueError(f"an entry of the unknown kind {kind!r}")


def _named_start(members: list[Any]) -> OperationStart:
    """A beginning whose earlier attempts have the names of their members."""
    if len(members) > _EARLIER:
        members[_EARLIER] = _by_place(AttemptRecord, members[_EARLIER])
    return msgspec.convert(members, OperationStart)


def _named_settled(price_version: str, members: dict[str, Any]) -> Settled:
    """An end whose members have names."""
    members["attempts"] = _by_place(AttemptRecord, members.get("attempts", ()))
    [placed] = _by_place(OperationRecord, [members])
    return Settled(price_version, msgspec.convert(placed, OperationRecord))


def _by_place(kind: type[Struct], all_named: Any) -> list[list[Any]]:
    """Members with names in their places; those that are not there have their defaults. Raises ValueError."""
    if not isinstance(all_named, list | tuple) or not all(isinstance(named, dict) for named in all_named):
        raise ValueError(f"members of {kind.__name__} without their names")
    fields = structs.fields(kind)
    return [[named.get(field.encode_name, field.default) for field in fields] for named in all_named]


def interrupted(start: OperationStart) -> OperationRecord:
    """The record of a request that began and never ended: what it took is not known."""
    attempts = start.earlier
    if start.number:
        attempts += (
            AttemptRecord(
                number=start.number,
                provider_id=start.provider_id,
                provider=start.provider,
                model=start.model,
                outcome=INTERRUPTED,
                status=None,
                started_at=start.at,
                latency_ms=0,
            ),
        )
    return OperationRecord(
        request_id=start.request_id,
        workspace_id=start.workspace_id,
        user_id=start.user_id,
        key_id=start.key_id,
        surface=start.surface,
        client_request_id=start.client_request_id,
        model_requested=start.model_requested,
        model=start.model,
        provider=start.provider,
        provider_id=start.provider_id,
        strategy=start.strategy,
        complexity=start.complexity,
        is_stream=start.is_stream,
        is_cache_hit=start.is_cache_hit,
        status=_INTERRUPTED_STATUS,
        outcome=INTERRUPTED,
        usage=None,
        cost_nanousd=None,
        latency_ms=0,
        first_token_ms=None,
        created_at=start.at,
        attempts=attempts,
    )
