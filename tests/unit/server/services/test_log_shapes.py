"""Request records as messages: every member arrives, and what is not known is not zero."""

from datetime import UTC, datetime

from msgspec.structs import replace
from perpetuo.v1 import logs_pb2

from server.chat.records import AttemptRecord
from server.chat.usage import Usage
from server.services.log_shapes import log_detail_message, log_message
from server.storage.contents import KeptContent
from tests.stores.records import answered

NOW = datetime(2026, 1, 28, 14, tzinfo=UTC)
USAGE = Usage(600, 100, 50, 200, 50, is_estimated=True)
FAILED = AttemptRecord(1, "prov_1", "openai", "gpt-4", "UPSTREAM_TIMEOUT", None, NOW, 30, detail="silent")
SERVED = AttemptRecord(2, "prov_2", "groq", "llama", "ok", 200, NOW, 340, 120, USAGE, 60_000_000)
RECORD = answered(
    client_request_id="mine",
    model="llama",
    provider="groq",
    is_cache_hit=True,
    usage=USAGE,
    cost_nanousd=60_000_000,
    first_token_ms=150,
    created_at=NOW,
    attempts=(FAILED, SERVED),
    saved_nanousd=50_000_000,
)


def test_every_member_of_a_record_arrives() -> None:
    log = log_message(RECORD)
    present = {field.name for field, _ in log.ListFields()}
    assert {field.name for field in log.DESCRIPTOR.fields} == present
    assert (log.request_id, log.model, log.provider, log.tokens) == ("req_1", "llama", "groq", 1000)
    assert (log.cost_nanousd, log.status, log.latency_ms) == (60_000_000, 200, 345)
    assert log.created_at.ToDatetime(tzinfo=UTC) == NOW
    assert log.token_counts == logs_pb2.TokenCounts(
        input=600, cache_read=100, cache_write=50, output=200, reasoning=50, estimated=True
    )


def test_the_detail_has_the_same_members_and_every_attempt() -> None:
    detail = log_detail_message(RECORD)
    listed = {field.name: value for field, value in log_message(RECORD).ListFields()}
    assert {field.name: value for field, value in detail.ListFields() if field.name != "attempts"} == listed
    failed, served = detail.attempts
    assert (failed.number, failed.outcome, failed.detail, failed.HasField("status")) == (
        1,
        "UPSTREAM_TIMEOUT",
        "silent",
        False,
    )
    assert (served.status, served.tokens, served.cost_nanousd, served.first_token_ms) == (200, 1000, 60_000_000, 120)


def test_an_unknown_price_is_absent_and_a_call_without_tokens_cost_nothing() -> None:
    assert not log_message(replace(RECORD, cost_nanousd=None)).HasField("cost_nanousd")
    assert not log_message(replace(RECORD, saved_nanousd=None)).HasField("saved_cost_nanousd")
    nothing = log_message(replace(RECORD, cost_nanousd=None, usage=None))
    assert (nothing.HasField("cost_nanousd"), nothing.cost_nanousd, nothing.tokens) == (True, 0, 0)
    assert nothing.HasField("token_counts")


def test_a_call_that_nobody_answered_shows_the_model_asked_for() -> None:
    assert log_message(replace(RECORD, model="", provider="")).model == "auto"


def test_what_was_said_is_shown_if_it_is_kept() -> None:
    assert not log_detail_message(RECORD).HasField("content")
    said = KeptContent("req_1", "ws_1", NOW, b'{"a":"\xc3\xa9"}', b'{"b":\xc3', is_cut=True, is_redacted=True)
    assert log_detail_message(RECORD, said).content == logs_pb2.LogContent(
        request='{"a":"é"}', answer='{"b":\ufffd', is_cut=True, is_redacted=True
    )
