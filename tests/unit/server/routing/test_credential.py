"""A credential is checked by one request, and what comes out is a reason."""

from collections.abc import AsyncIterator, Mapping

import pytest

from server.chat.deployment import Deployment
from server.chat.wire import Timeouts, WireRequest
from server.errors import PerpetuoError, UpstreamBlocked, UpstreamTimeout
from server.providers.openai import OpenAiDialect
from server.routing.credential import CredentialCheck

JSON = {"content-type": "application/json"}
DEPLOYMENT = Deployment("prov_1", "ws_1", "any", "https://a.example/v1", "sk-canary")


class Response:
    """An answer whose body must not be read."""

    def __init__(self, status: int, headers: Mapping[str, str]) -> None:
        self.status = status
        self.headers = headers
        self.is_closed = False

    async def read(self) -> bytes:
        raise AssertionError("the body was read")

    async def chunks(self) -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    def progressed(self) -> None:
        raise AssertionError("the body was read")

    def wind_up(self, within_s: float) -> None:
        raise AssertionError("the body was read")

    async def close(self) -> None:
        self.is_closed = True


class Transport:
    """Answers as it is told, and keeps what was sent."""

    def __init__(self, outcome: Response | PerpetuoError) -> None:
        self._outcome = outcome
        self.sent: list[WireRequest] = []

    async def send(self, request: WireRequest, timeouts: Timeouts) -> Response:
        self.sent.append(request)
        if isinstance(self._outcome, PerpetuoError):
            raise self._outcome
        return self._outcome

    async def close(self) -> None:
        """Nothing is held."""


@pytest.mark.parametrize(
    ("status", "headers", "reason"),
    [
        pytest.param(200, JSON, None, id="the provider takes it"),
        pytest.param(200, {"content-type": "text/html"}, "UPSTREAM_BAD_RESPONSE", id="a page is no API"),
        pytest.param(200, {}, "UPSTREAM_BAD_RESPONSE", id="something without a type is no API"),
        pytest.param(401, JSON, "UPSTREAM_AUTH", id="a wrong key"),
        pytest.param(403, JSON, "UPSTREAM_FORBIDDEN", id="a key that may not"),
        pytest.param(404, JSON, "UPSTREAM_BAD_RESPONSE", id="another API"),
        pytest.param(302, {"location": "http://169.254.169.254/"}, "UPSTREAM_REDIRECT", id="a redirect"),
        pytest.param(429, JSON, "UPSTREAM_RATE_LIMITED", id="too many requests"),
        pytest.param(500, JSON, "UPSTREAM_UNAVAILABLE", id="a failure"),
    ],
)
async def test_an_answer_is_judged_by_its_status(status: int, headers: Mapping[str, str], reason: str | None) -> None:
    response = Response(status, headers)
    transport = Transport(response)
    check = CredentialCheck(transport, lambda provider: OpenAiDialect(), Timeouts())
    assert await check(DEPLOYMENT) == reason
    assert response.is_closed
    [sent] = transport.sent
    assert (sent.method, sent.url, sent.body) == ("GET", "https://a.example/v1/models", b"")
    assert sent.headers["Authorization"] == "Bearer sk-canary"


@pytest.mark.parametrize("error", [UpstreamBlocked("no"), UpstreamTimeout("late")])
async def test_a_provider_that_cannot_be_reached_has_a_reason_too(error: PerpetuoError) -> None:
    check = CredentialCheck(Transport(error), lambda provider: OpenAiDialect(), Timeouts())
    assert await check(DEPLOYMENT) == error.reason
