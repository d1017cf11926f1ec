"""The choice of a transport by the scheme."""

import pytest

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

    async def send(self, request: WireRequest, timeouts: Timeouts) -> ScriptedResponse:
        self.sent += 1
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


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://a.example", "/models", ""])
async def test_other_schemes_lead_nowhere(url: str) -> None:
    with pytest.raises(UpstreamBlocked):
        await TransportSwitch({"demo": Counting()}).send(get(url), Timeouts())
