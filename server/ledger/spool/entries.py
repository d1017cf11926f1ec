"""What the payloads of the spool say: that a request began, or how it ended.

Pure. Written as MessagePack with the names of the members, so that the program before or after this one can read them;
the members of a beginning go by place, and new ones come last.
"""

from dataclasses import dataclass

import msgspec

from server.chat.records import AttemptRecord, OperationRecord, OperationStart

INTERRUPTED = "interrupted"
"""The outcome of a request that began and never ended, because the process did."""

_START = b"\x01"
_SETTLED = b"\x02"
_INTERRUPTED_STATUS = 500

_encoder = msgspec.msgpack.Encoder()
_start_decoder = msgspec.msgpack.Decoder(OperationStart)
_settled_decoder = msgspec.msgpack.Decoder(tuple[str, OperationRecord])


@dataclass(frozen=True, slots=True)
class Settled:
    """A request that ended, and the source of prices behind its costs."""

    price_version: str
    operation: OperationRecord


def start_payload(start: OperationStart) -> bytes:
    """The payload of a beginning."""
    return _START + _encoder.encode(start)


def settled_payload(price_version: str, operation: OperationRecord) -> bytes:
    """The payload of an end."""
    return _SETTLED + _encoder.encode((price_version, operation))


def entry_of(payload: bytes) -> OperationStart | Settled:
    """What a payload says. Raises ValueError for one that this program cannot read."""
    kind, body = payload[:1], memoryview(payload)[1:]
    if kind == _START:
        return _start_decoder.decode(body)
    if kind == _SETTLED:
        return Settled(*_settled_decoder.decode(body))
    raise ValueError(f"an entry of the unknown kind {kind!r}")


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
