"""What goes into the spool comes out as it was, also from what an earlier program wrote."""

from typing import Any

import msgspec
import pytest

from server.chat.records import OperationRecord, OperationStart
from server.ledger.spool.entries import Settled, entry_of, interrupted
from tests.stores.records import NOW
from tests.unit.server.ledger.spool.spooled import FAILED, began, ended, settled_payload, start_payload

# Written by the first program that had a spool; what comes later must read it.
FIRST_START = bytes.fromhex(
    "01dc0011aa7265715f303030303031a477735f31a57573725f31c0a472657374a46d696e65a46175746fa764656661756c74a673696d706c"
    "65c3c2d7ff6ce830206962f68ba670726f765f32a467726f71a56c6c616d6102918da66e756d62657201ab70726f76696465725f6964a670"
    "726f765f31a870726f7669646572a66f70656e6169a56d6f64656ca66770742d346fa76f7574636f6d65b4555053545245414d5f554e4156"
    "41494c41424c45a6737461747573cd01f7aa737461727465645f6174d7ff6ce830206962f68baa6c6174656e63795f6d730cae6669727374"
    "5f746f6b656e5f6d73c0a57573616765c0ac636f73745f6e616e6f757364c0a664657461696cab7265667573656420c3a900ad7072696365"
    "5f76657273696f6ea0"
)
FIRST_END = bytes.fromhex(
    "0292a87072696365732f31de0019aa726571756573745f6964aa7265715f303030303031ac776f726b73706163655f6964a477735f31a775"
    "7365725f6964a57573725f31a66b65795f6964c0a773757266616365a472657374b1636c69656e745f726571756573745f6964a46d696e65"
    "af6d6f64656c5f726571756573746564a46175746fa56d6f64656ca56c6c616d61a870726f7669646572a467726f71ab70726f7669646572"
    "5f6964a670726f765f32a87374726174656779a764656661756c74aa636f6d706c6578697479a673696d706c65a969735f73747265616dc3"
    "ac69735f63616368655f686974c2a6737461747573ccc8a76f7574636f6d65a26f6ba575736167658bac696e7075745f746f6b656e73cd02"
    "58b163616368655f726561645f746f6b656e73cd0190b263616368655f77726974655f746f6b656e730aad6f75747075745f746f6b656e73"
    "cc96b0726561736f6e696e675f746f6b656e7332ac69735f657374696d61746564c3b563616368655f77726974655f31685f746f6b656e73"
    "00b2617564696f5f696e7075745f746f6b656e7300b7617564696f5f63616368655f726561645f746f6b656e7300b3617564696f5f6f7574"
    "7075745f746f6b656e7300a474696572a0ac636f73745f6e616e6f757364cf0000010000000001aa6c6174656e63795f6d73cd0159ae6669"
    "7273745f746f6b656e5f6d7378aa637265617465645f6174d7ff6ce830206962f68ba56e6f74657391b364726f707065643a206c6f676974"
    "5f62696173a8617474656d707473928da66e756d62657201ab70726f76696465725f6964a670726f765f31a870726f7669646572a66f7065"
    "6e6169a56d6f64656ca66770742d346fa76f7574636f6d65b4555053545245414d5f554e415641494c41424c45a6737461747573cd01f7aa"
    "737461727465645f6174d7ff6ce830206962f68baa6c6174656e63795f6d730cae66697273745f746f6b656e5f6d73c0a57573616765c0ac"
    "636f73745f6e616e6f757364c0a664657461696cab7265667573656420c3a900ad70726963655f76657273696f6ea08da66e756d62657202"
    "ab70726f76696465725f6964a670726f765f32a870726f7669646572a467726f71a56d6f64656ca56c6c616d61a76f7574636f6d65a26f6b"
    "a6737461747573ccc8aa737461727465645f6174d7ff6ce830206962f68baa6c6174656e63795f6d73cd0159ae66697273745f746f6b656e"
    "5f6d7378a575736167658bac696e7075745f746f6b656e73cd0258b163616368655f726561645f746f6b656e73cd0190b263616368655f77"
    "726974655f746f6b656e730aad6f75747075745f746f6b656e73cc96b0726561736f6e696e675f746f6b656e7332ac69735f657374696d61"
    "746564c3b563616368655f77726974655f31685f746f6b656e7300b2617564696f5f696e7075745f746f6b656e7300b7617564696f5f6361"
    "6368655f726561645f746f6b656e7300b3617564696f5f6f75747075745f746f6b656e7300a474696572a0ac636f73745f6e616e6f757364"
    "ce0003a980a664657461696ca0ad70726963655f76657273696f6ea66d696e652f31ad73617665645f6e616e6f757364c0ad70726963655f"
    "76657273696f6ea66d696e652f31"
)


def test_what_the_first_program_wrote_is_read() -> None:
    assert entry_of(FIRST_START) == began(1)
    assert entry_of(FIRST_END) == Settled("prices/1", ended(1))


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param(ended(1), id="with everything"),
        pytest.param(ended(2, usage=None, cost_nanousd=None, attempts=(), key_id="key_1"), id="refused"),
        pytest.param(ended(3, model_requested="\x00é'%s", notes=(), saved_nanousd=0), id="with odd text"),
    ],
)
def test_an_end_comes_back_as_it_was(operation: OperationRecord) -> None:
    assert entry_of(settled_payload("prices/1", operation)) == Settled("prices/1", operation)


@pytest.mark.parametrize("start", [began(1), began(2, number=0, earlier=(), key_id="key_1", client_request_id=None)])
def test_a_beginning_comes_back_as_it_was(start: OperationStart) -> None:
    assert entry_of(start_payload(start)) == start


def named(record: msgspec.Struct) -> dict[str, Any]:
    """Members by their names, as earlier programs wrote them."""
    members = msgspec.structs.asdict(record)
    if "attempts" in members:
        members["attempts"] = [named(attempt) for attempt in members["attempts"]]
    return members


def test_members_that_a_later_program_adds_are_passed_over() -> None:
    later = msgspec.msgpack.decode(start_payload(began(1))[1:])
    assert entry_of(b"\x03" + msgspec.msgpack.encode([*later, "new"])) == began(1)
    version, end = msgspec.msgpack.decode(settled_payload("prices/1", ended(1))[1:])
    assert entry_of(b"\x04" + msgspec.msgpack.encode([version, [*end, {"more": 1}]])) == Settled("prices/1", ended(1))
    end = {**named(ended(1)), "new": {"more": 1}}
    assert entry_of(b"\x02" + msgspec.msgpack.encode(["prices/1", end])) == Settled("prices/1", ended(1))


def test_members_that_an_earlier_program_did_not_know_have_their_defaults() -> None:
    earlier = msgspec.msgpack.decode(start_payload(began(1))[1:])
    assert entry_of(b"\x03" + msgspec.msgpack.encode(earlier[:-1])) == began(1, earlier=())
    assert entry_of(b"\x01" + msgspec.msgpack.encode(earlier[:-1])) == began(1, earlier=())
    version, end = msgspec.msgpack.decode(settled_payload("prices/1", ended(1))[1:])
    without = Settled("prices/1", ended(1, price_version=""))
    assert entry_of(b"\x04" + msgspec.msgpack.encode([version, end[:-1]])) == without


def test_what_an_earlier_program_left_out_was_as_usual() -> None:
    end = named(ended(1))
    del end["price_version"], end["attempts"], end["saved_nanousd"]
    read = entry_of(b"\x02" + msgspec.msgpack.encode(["prices/1", end]))
    assert read == Settled("prices/1", ended(1, price_version="", attempts=(), saved_nanousd=None))
    attempt = named(FAILED)
    for name in ("first_token_ms", "usage", "cost_nanousd", "price_version"):
        del attempt[name]
    end["attempts"] = [attempt]
    read = entry_of(b"\x02" + msgspec.msgpack.encode(["prices/1", end]))
    assert isinstance(read, Settled)
    assert read.operation.attempts == (FAILED,)


UNREADABLE = (
    b"",
    b"\x01",
    b"\x02\xc0",
    b"\x03\xc0",
    b"\x02\x92\xa1x\x80",
    b"\x04\x92\xa1x\x90",
    b"\x05\xc0",
    b"\x01\x90",
)
NO_MEMBERS = (b"\x01", b"\x01\x90", b"\x03\x90")
ODD_ATTEMPTS = b"\x02" + msgspec.msgpack.encode(["v", {"request_id": "a", "attempts": [1]}])


@pytest.mark.parametrize("payload", [*UNREADABLE, *NO_MEMBERS, ODD_ATTEMPTS])
def test_what_cannot_be_read_is_said_to_be_so(payload: bytes) -> None:
    with pytest.raises(ValueError):
        entry_of(payload)


def test_an_interrupted_request_is_recorded_with_its_attempts() -> None:
    record = interrupted(began(1))
    assert (record.request_id, record.outcome, record.status, record.created_at) == (
        "req_000001",
        "interrupted",
        500,
        NOW,
    )
    assert (record.provider_id, record.model, record.usage, record.cost_nanousd) == ("prov_2", "llama", None, None)
    assert [(attempt.number, attempt.outcome) for attempt in record.attempts] == [
        (1, "UPSTREAM_UNAVAILABLE"),
        (2, "interrupted"),
    ]
    assert record.attempts[0] == FAILED


def test_an_answer_that_was_made_for_another_has_no_attempt_of_its_own() -> None:
    record = interrupted(began(1, number=0, earlier=(), is_cache_hit=True))
    assert (record.attempts, record.is_cache_hit) == ((), True)
