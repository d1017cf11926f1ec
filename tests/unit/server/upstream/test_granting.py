"""Tokens: asked for once, kept until they end, asked for anew when they are refused, and never shown."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import pytest

from server.chat.wire import Timeouts, WireRequest, WireResponse
from server.errors import PerpetuoError, UpstreamReset
from server.upstream.granting import MAX_TOKENS_KEPT, GrantingTransport

GRANT = WireRequest("POST", "https://login.example/t/token", {}, b"client_secret=s-1")
ASKED = WireRequest("POST", "https://a.example/chat", {"a": "b"}, b"{}", grant=GRANT)


@dataclass
class Answered:
    status: int
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    is_closed: bool = False

    async def read(self) -> bytes:
        if self.body == b"broken":
            raise UpstreamReset("It broke.")
        return self.body

    async def chunks(self) -> AsyncIterator[bytes]:
        yield self.body

    def progressed(self) -> None:
        raise AssertionError("not used")

    def wind_up(self, within_s: float) -> None:
        raise AssertionError("not used")

    async def close(self) -> None:
        self.is_closed = True


class Plain:
    """Grants tokens by their number, and takes those that are in `good`; None takes all of them."""

    def __init__(self, *grants: Answered, life_s: object = 3600) -> None:
        self.grants = list(grants)
        self.life_s = life_s
        self.granted = 0
        self.good: set[str] | None = None
        self.sent: list[tuple[str, str]] = []
        self.answers: list[Answered] = []
        self.now_s = 0.0
        self.is_closed = False

    async def send(self, request: WireRequest, timeouts: Timeouts) -> WireResponse:
        assert request.grant is None
        await asyncio.sleep(0)
        answer = self._granted() if request.url == GRANT.url else self._answered(request)
        self.answers.append(answer)
        return answer

    def _granted(self) -> Answered:
        if self.grants:
            return self.grants.pop(0)
        self.granted += 1
        token = {"access_token": f"t{self.granted}", "expires_in": self.life_s, "token_type": "Bearer"}
        return Answered(200, json.dumps(token).encode())

    def _answered(self, request: WireRequest) -> Answered:
        token = request.headers.get("Authorization", "")
        self.sent.append((request.url, token))
        is_good = self.good is None or token.removeprefix("Bearer ") in self.good
        return Answered(200 if is_good else 401)

    async def close(self) -> None:
        self.is_closed = True


def transport(plain: Plain) -> GrantingTransport:
    return GrantingTransport(plain, lambda: plain.now_s)


async def test_a_token_is_asked_for_once_and_goes_along_as_the_bearer() -> None:
    plain = Plain()
    granting = transport(plain)
    for _ in range(3):
        response = await granting.send(ASKED, Timeouts())
        assert response.status == 200
    assert plain.sent == [(ASKED.url, "Bearer t1")] * 3
    assert plain.granted == 1
    assert plain.answers[0].is_closed


async def test_who_comes_at_once_waits_for_one_token() -> None:
    plain = Plain()
    granting = transport(plain)
    await asyncio.gather(*(granting.send(ASKED, Timeouts()) for _ in range(20)))
    assert plain.granted == 1


async def test_a_request_that_is_left_while_it_waits_leaves_the_token_to_the_others() -> None:
    plain = Plain()
    granting = transport(plain)
    first, second = (asyncio.ensure_future(granting.send(ASKED, Timeouts())) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).status == 200
    assert first.cancelled()


@pytest.mark.parametrize(
    ("life_s", "after_s", "granted"),
    [(3600, 3299, 1), (3600, 3301, 2), (100, 49, 1), (100, 51, 2), ("3600", 3299, 1), (None, 299, 1), (None, 301, 2)],
    ids=["kept", "ends soon", "short, kept", "short, ends soon", "a text", "not told", "not told, old"],
)
async def test_a_token_is_kept_until_shortly_before_its_end(life_s: object, after_s: float, granted: int) -> None:
    plain = Plain(life_s=life_s)
    granting = transport(plain)
    await granting.send(ASKED, Timeouts())
    plain.now_s = after_s
    await granting.send(ASKED, Timeouts())
    assert plain.granted == granted


async def test_a_kept_token_that_is_refused_is_replaced_once() -> None:
    plain = Plain()
    granting = transport(plain)
    await granting.send(ASKED, Timeouts())
    plain.good = {"t2"}
    assert (await granting.send(ASKED, Timeouts())).status == 200
    assert [token for _, token in plain.sent] == ["Bearer t1", "Bearer t1", "Bearer t2"]
    assert [answer.is_closed for answer in plain.answers if answer.status == 401] == [True]


async def test_a_new_token_that_is_refused_is_the_answer() -> None:
    plain = Plain()
    plain.good = set()
    assert (await transport(plain).send(ASKED, Timeouts())).status == 401
    assert plain.granted == 1


@pytest.mark.parametrize(
    ("answer", "reason", "says"),
    [
        (Answered(401, b'{"error":"invalid_client","error_description":"s-1"}'), "UPSTREAM_AUTH", "invalid_client"),
        (Answered(400, b'{"error":"<b>"}'), "UPSTREAM_AUTH", "replace it"),
        (Answered(400, b"\xff"), "UPSTREAM_AUTH", "replace it"),
        (Answered(429), "UPSTREAM_RATE_LIMITED", "limiting"),
        (Answered(503, b"<html>"), "UPSTREAM_UNAVAILABLE", "not available"),
        (Answered(302), "UPSTREAM_BAD_RESPONSE", "302"),
        (Answered(200, b"<html>"), "UPSTREAM_BAD_RESPONSE", "without one"),
        (Answered(200, b"{}"), "UPSTREAM_BAD_RESPONSE", "without one"),
        (Answered(200, b'{"access_token":"a\\r\\nb","expires_in":1}'), "UPSTREAM_BAD_RESPONSE", "without one"),
        (Answered(200, b'{"access_token":"a","expires_in":"soon"}'), "UPSTREAM_BAD_RESPONSE", "without one"),
        (Answered(200, b'{"access_token":"a","expires_in":-5}'), "UPSTREAM_BAD_RESPONSE", "without one"),
        (Answered(200, b"broken"), "UPSTREAM_RESET", ""),
    ],
)
async def test_no_token_is_a_reason_without_a_secret(answer: Answered, reason: str, says: str) -> None:
    plain = Plain(answer)
    granting = transport(plain)
    with pytest.raises(PerpetuoError) as caught:
        await granting.send(ASKED, Timeouts())
    assert caught.value.reason == reason
    assert says in caught.value.message
    assert "s-1" not in caught.value.message
    assert answer.is_closed
    assert plain.sent == []
    assert (await granting.send(ASKED, Timeouts())).status == 200


async def test_what_needs_no_token_is_sent_as_it_is() -> None:
    plain = Plain()
    await transport(plain).send(WireRequest("GET", "https://a.example/", {}, b""), Timeouts())
    assert plain.sent == [("https://a.example/", "")]


async def test_the_most_tokens_are_kept_of_those_used_last() -> None:
    plain = Plain()
    granting = transport(plain)
    for number in range(MAX_TOKENS_KEPT + 1):
        grant = WireRequest("POST", GRANT.url, {}, str(number).encode())
        await granting.send(WireRequest("POST", ASKED.url, {}, b"", grant=grant), Timeouts())
    await granting.send(WireRequest("POST", ASKED.url, {}, b"", grant=grant), Timeouts())
    assert plain.granted == MAX_TOKENS_KEPT + 1
    first = WireRequest("POST", GRANT.url, {}, b"0")
    await granting.send(WireRequest("POST", ASKED.url, {}, b"", grant=first), Timeouts())
    assert plain.granted == MAX_TOKENS_KEPT + 2


async def test_the_token_takes_from_the_time_of_the_request() -> None:
    given: list[float] = []

    class Slow(Plain):
        async def send(self, request: WireRequest, timeouts: Timeouts) -> WireResponse:
            given.append(timeouts.total_s)
            self.now_s += 2.0
            return await super().send(request, timeouts)

    await transport(Slow()).send(ASKED, Timeouts(total_s=10.0))
    assert given == [10.0, 8.0]


async def test_closing_closes_what_it_owns() -> None:
    plain = Plain()
    await transport(plain).close()
    assert plain.is_closed
