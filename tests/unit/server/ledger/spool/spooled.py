"""Records and beginnings for the tests of the spool."""

from typing import Any

import msgspec

from server.chat.records import AttemptRecord, OperationRecord, OperationStart
from server.ledger.spool.entries import SETTLED, START, encode
from server.ledger.spool.frames import checksum_of, head_of
from tests.stores import records
from tests.stores.records import NOW, USAGE, answered

FAILED = msgspec.structs.replace(records.FAILED, detail="refused é\x00")
SERVED = AttemptRecord(2, "prov_2", "groq", "llama", "ok", 200, NOW, 345, 120, USAGE, 240_000, price_version="mine/1")


def ended(which: int, **change: Any) -> OperationRecord:
    """The record of a request that was answered at the second try."""
    members: dict[str, Any] = {
        "request_id": f"req_{which:06}",
        "key_id": None,
        "client_request_id": "mine",
        "model": "llama",
        "provider": "groq",
        "cost_nanousd": 2**40 + 1,
        "attempts": (FAILED, SERVED),
        "price_version": "mine/1",
    }
    return answered(**members | change)


def began(which: int, **change: Any) -> OperationStart:
    """The beginning of the same request, while the second try runs."""
    start = OperationStart(
        request_id=f"req_{which:06}",
        workspace_id="ws_1",
        user_id="usr_1",
        key_id=None,
        surface="rest",
        client_request_id="mine",
        model_requested="auto",
        strategy="default",
        complexity="simple",
        is_stream=True,
        is_cache_hit=False,
        at=NOW,
        provider_id="prov_2",
        provider="groq",
        model="llama",
        number=2,
        earlier=(FAILED,),
    )
    return msgspec.structs.replace(start, **change)


def start_payload(start: OperationStart) -> bytes:
    """The payload of a beginning."""
    return START + encode(start)


def settled_payload(price_version: str, operation: OperationRecord) -> bytes:
    """The payload of an end."""
    return SETTLED + encode((price_version, operation))


def frame(mark: bytes, payload: bytes) -> bytes:
    """A payload as it stands in the segment of that mark."""
    return head_of(mark, len(payload), checksum_of(payload, len(payload))) + payload
