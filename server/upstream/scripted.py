"""A transport without a network: it plays the scripts of the built-in provider, delays and all."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

from server.chat.wire import Timeouts, WireRequest
from server.errors import UpstreamReset, UpstreamTimeout
from server.providers.demo.script import Script, models_script, play


class ScriptedTransport:
    """The transport of `demo:` upstreams. `now_s` tells the time in seconds since 1970."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._counted_calls = 0

    async def send(self, request: WireRequest, timeouts: Timeouts) -> "ScriptedResponse":
        """Plays the script of a request as far as its headers. Raises UpstreamTimeout."""
        if request.method == "GET":
            script = models_script()
        else:
            script = play(request.body, self._counted_calls, int(self._now_s()))
        self._counted_calls += script.is_counted
        await _pause(script.delay_s, min(timeouts.first_byte_s, timeouts.total_s))
        return ScriptedResponse(script, timeouts)

    async def close(self) -> None:
        """Nothing is held."""


class ScriptedResponse:
    """An answer that is being played."""

    def __init__(self, script: Script, timeouts: Timeouts) -> None:
        self._script = script
        self._timeouts = timeouts
        self._is_closed = False

    @property
    def status(self) -> int:
        """The HTTP status code."""
        return self._script.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, names in lower case."""
        return self._script.headers

    async def read(self) -> bytes:
        """The whole body."""
        return b"".join([piece async for piece in self.chunks()])

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body in pieces, each after its delay. Raises UpstreamTimeout, and UpstreamReset once it is closed."""
        for step in self._script.steps:
            await _pause(step.delay_s, min(self._timeouts.idle_s, self._timeouts.total_s))
            if self._is_closed:
                raise UpstreamReset("The answer was closed while it was read.")
            yield step.data

    def progressed(self) -> None:
        """What is played brings something with every piece."""

    def wind_up(self, within_s: float) -> None:
        """A play always comes to its end."""

    async def close(self) -> None:
        """Ends the play."""
        self._is_closed = True


async def _pause(delay_s: float, limit_s: float) -> None:
    """Sleeps, even for no time, so that a long script lets others run."""
    await asyncio.sleep(min(delay_s, limit_s))
    if delay_s > limit_s:
        raise UpstreamTimeout(f"The provider sent nothing for {limit_s:g} s.", details={"timeoutS": f"{limit_s:g}"})
