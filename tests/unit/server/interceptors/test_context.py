"""What is read from a call's metadata, and who can see it."""

import contextvars
from typing import Any

import grpc
import pytest

from server.interceptors.context import CallInfo, announce, current_call, enter_call, read_metadata


def read(*metadata: tuple[str, str | bytes]) -> Any:
    return CallInfo("req_1", "/a.B/C", 5.0, read_metadata(metadata))


def test_a_call_without_metadata_is_a_plain_grpc_call() -> None:
    info = CallInfo("req_1", "/a.B/C", 5.0, read_metadata(None))
    assert (info.request_id, info.method, info.started_s) == ("req_1", "/a.B/C", 5.0)
    assert (info.told.client_request_id, info.told.surface, dict(info.told.knobs)) == (None, "grpc", {})
    assert (info.principal, info.credential) == (None, "")


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("abc-123", "abc-123"),
        ("x" * 128, "x" * 128),
        ("x" * 500, "x" * 128),
        ("", None),
        ("a\nb", None),
        (b"bytes", None),
    ],
    ids=["plain", "128 characters", "too long", "empty", "with a line end", "binary"],
)
def test_the_callers_request_id_is_kept_when_it_is_printable(sent: str | bytes, kept: str | None) -> None:
    assert read(("x-request-id", sent)).told.client_request_id == kept


def test_the_callers_span_is_read_once() -> None:
    assert read(("traceparent", "00-1-2-01"), ("traceparent", "00-3-4-01")).told.traceparent == "00-1-2-01"
    assert read().told.traceparent == ""


def test_of_two_request_ids_the_first_counts() -> None:
    assert read(("x-request-id", "one"), ("x-request-id", "two")).told.client_request_id == "one"


@pytest.mark.parametrize(("sent", "kept"), [("rest", "rest"), ("grpc", "grpc"), ("soap", "grpc")])
def test_the_surface_is_one_of_two(sent: str, kept: str) -> None:
    info = read(("x-perpetuo-surface", sent))
    assert (info.told.surface, dict(info.told.knobs)) == (kept, {})


def test_knobs_lose_their_prefix_and_the_first_of_two_counts() -> None:
    info = read(("x-perpetuo-strategy", "fast"), ("x-perpetuo-strategy", "slow"), ("x-other", "1"))
    assert dict(info.told.knobs) == {"strategy": "fast"}


def test_what_faces_read_from_headers_is_kept_and_joined() -> None:
    info = read(("anthropic-beta", "a-1"), ("anthropic-version", "2023-06-01"), ("anthropic-beta", "b-2,c-3"))
    assert dict(info.told.knobs) == {"anthropic-beta": "a-1,b-2,c-3", "anthropic-version": "2023-06-01"}


def test_a_credential_never_shows_in_a_repr() -> None:
    info = read()
    info.credential = "pk_secret"
    assert "pk_secret" not in repr(info)


def test_outside_a_call_there_is_none() -> None:
    with pytest.raises(LookupError):
        contextvars.Context().run(current_call)


def test_inside_a_call_it_is_the_current_one() -> None:
    def inside() -> bool:
        info = read()
        enter_call(info)
        return current_call() is info

    assert contextvars.Context().run(inside)


class Sent:
    """Takes initial metadata once."""

    def __init__(self, *, is_late: bool = False) -> None:
        self.metadata: list[Any] = []
        self._is_late = is_late

    async def send_initial_metadata(self, metadata: Any) -> None:
        if self._is_late:
            raise grpc.aio.UsageError("already sent")
        self.metadata.append(metadata)


async def test_the_request_id_is_announced_once() -> None:
    enter_call(read())
    sent: Any = Sent()
    await announce(sent)
    await announce(sent)
    assert sent.metadata == [(("x-request-id", "req_1"),)]
    assert current_call().has_sent_request_id


async def test_what_was_announced_goes_out_beside_the_id() -> None:
    info = read()
    enter_call(info)
    info.response_metadata.append(("x-ratelimit-limit", "20"))
    sent: Any = Sent()
    await announce(sent)
    assert sent.metadata == [(("x-request-id", "req_1"), ("x-ratelimit-limit", "20"))]
    assert info.outgoing() == ()


async def test_a_handler_that_sent_metadata_of_its_own_keeps_them() -> None:
    enter_call(read())
    sent: Any = Sent(is_late=True)
    await announce(sent)
    assert not current_call().has_sent_request_id
