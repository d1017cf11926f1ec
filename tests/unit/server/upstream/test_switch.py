"""The choice of a transport by the scheme."""

import pytest
from msgspec.structs import replace

from server.chat.wire import Timeouts, WireRequest
from server.errors import UpstreamBlocked
from server.upstream.scripted import ScriptedResponse, ScriptedTransport
from server.upstream.switch import TransportSwitch


class Counting(ScriptedTransport):
    """Counts what it is asked for."""

    def __init__(self) -> None:
        super().__init__(lambda: 0.0)
        self.sent = 0
        self.closed = 0
        self.last: WireRequest | None = None

    async def send(self, request: WireRequest, timeouts: Timeouts) -> ScriptedResponse:
        self.sent += 1
        self.last = request
        return await super().send(request, timeouts)

    async def close(self) -> None:
        self.closed += 1


def get(url: str) -> WireRequest:
    return WireRequest("GET", url, {}, b"")


async def test_sends_by_the_scheme_and_closes_each_once() -> None:
    web, demo = Counting(), Counting()
    switch = TransportSwitch({"https": web, "http": web, "demo": demo})
    for url in ("https://a.example/models", "http://127.0.0.1/models", "demo:/models"):
        await (await switch.send(get(url), Timeouts())).close()
    await switch.close()
    assert (web.sent, web.closed, demo.sent, demo.closed) == (2, 1, 1, 1)


async def test_signs_what_must_be_signed_at_the_time_when_it_is_sent() -> None:
    def sign(request: WireRequest, now_s: float) -> WireRequest:
        return replace(request, headers={**request.headers, "X-At": f"{now_s:g}"}, sign=None)

    times = iter((100.0, 200.0))
    web = Counting()
    switch = TransportSwitch({"https": web}, lambda: next(times))
    signed = replace(get("https://a.example/models"), headers={"A": "b"}, sign=sign)
    for at in ("100", "200"):
        await switch.send(signed, Timeouts())
        assert web.last is not None
        assert web.last.headers == {"A": "b", "X-At": at}
    await switch.send(get("https://a.example/models"), Timeouts())
    assert web.last is not None
    assert web.last.headers == {}


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://a.example", "/models", ""])
async def test_other_schemes_lead_nowhere(url: str) -> None:
    with pytest.raises(UpstreamBlocked):
        await TransportSwitch({"demo": Counting()}).send(get(url), Timeouts())
