"""Tokens that requests need: each is asked for once, kept until shortly before it ends, and sent as the bearer.

A token is known by what it was asked for with, so that two entries with one credential share one. It is never written
anywhere. A request that is answered with 401 under a token that was kept is sent once more with a new one: nothing was
done for it. States of a token: none -> kept -> (ends soon, or refused) -> none.
"""

import asyncio
import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from server.chat.wire import Timeouts, Transport, WireRequest, WireResponse
from server.errors import PerpetuoError, UpstreamAuth, UpstreamBadResponse, UpstreamRateLimited, UpstreamUnavailable

MAX_TOKENS_KEPT: Final = 1024
MARGIN_S: Final = 300.0
"""How long before its end a token is no longer used; half of its time where that is less."""

_USUAL_LIFE_S: Final = 600.0
_LEAST_TIME_S: Final = 0.05
_REFUSED: Final = 401
_WORD: Final = re.compile(r"[a-z_]{1,40}\Z")
_TOKEN: Final = re.compile(r"[\x21-\x7e]+\Z")


class _Granted(msgspec.Struct):
    access_token: str = ""
    expires_in: float | str | None = None


class _Denied(msgspec.Struct):
    error: str = ""


_GRANTED: Final = msgspec.json.Decoder(_Granted)
_DENIED: Final = msgspec.json.Decoder(_Denied)


@dataclass(slots=True)
class _Kept:
    """What is known of one token; whoever asks for it holds the lock."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    token: str = field(default="", repr=False)
    ends_s: float = 0.0


class GrantingTransport:
    """Sends by another transport, which it owns, and which asks for the tokens too."""

    def __init__(self, plain: Transport, now_s: Callable[[], float] | None = None) -> None:
        """`now_s` is a clock that never goes back, in seconds; without one, that of the running loop."""
        self._plain = plain
        self._now_s = now_s
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()

    def send(self, request: WireRequest, timeouts: Timeouts) -> Coroutine[Any, Any, WireResponse]:
        """See `Transport.send`.

        Raises UpstreamAuth when no token is granted to the credential, and as sending does when none can be had.
        """
        grant = request.grant
        return self._plain.send(request, timeouts) if grant is None else self._send_with(grant, request, timeouts)

    async def _send_with(self, grant: WireRequest, request: WireRequest, timeouts: Timeouts) -> WireResponse:
        now_s = self._now_s or asyncio.get_running_loop().time
        ends_s = now_s() + timeouts.total_s
        kept = self._of(grant)
        token, is_new = await self._token(kept, grant, timeouts)
        response = await self._plain.send(_with_token(request, token), _left(timeouts, ends_s - now_s()))
        if response.status != _REFUSED or is_new:
            return response
        await response.close()
        if kept.token == token:
            kept.token = ""
        token, _ = await self._token(kept, grant, _left(timeouts, ends_s - now_s()))
        return await self._plain.send(_with_token(request, token), _left(timeouts, ends_s - now_s()))

    async def close(self) -> None:
        """See `Transport.close`."""
        self._kept.clear()
        await self._plain.close()

    def _of(self, grant: WireRequest) -> _Kept:
        """What is known of a token; the one that was not used for longest makes room."""
        asked = hashlib.sha256(grant.url.encode() + b"\0" + grant.body).digest()
        kept = self._kept.setdefault(asked, _Kept())
        self._kept.move_to_end(asked)
        if len(self._kept) > MAX_TOKENS_KEPT:
            self._kept.popitem(last=False)
        return kept

    async def _token(self, kept: _Kept, grant: WireRequest, timeouts: Timeouts) -> tuple[str, bool]:
        """A token, and whether it was asked for just now. Those who come at once wait for one answer."""
        now_s = self._now_s or asyncio.get_running_loop().time
        if kept.token and now_s() < kept.ends_s:
            return kept.token, False
        async with kept.lock:
            if kept.token and now_s() < kept.ends_s:
                return kept.token, False
            begun_s = now_s()
            response = await self._plain.send(grant, timeouts)
            try:
                token, life_s = _granted(response.status, await response.read())
            finally:
                await response.close()
            kept.token, kept.ends_s = token, begun_s + life_s - min(MARGIN_S, life_s / 2)
            return token, True


def _granted(status: int, body: bytes) -> tuple[str, float]:
    """The token and its time in seconds. Raises the reason why there is none, without a word of the answer's text."""
    if not 200 <= status < 300:
        raise _denied(status, body)
    try:
        granted = _GRANTED.decode(body)
        life_s = float(granted.expires_in or _USUAL_LIFE_S)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        granted, life_s = _Granted(), 0.0
    if not _TOKEN.match(granted.access_token) or not life_s > 0:
        raise UpstreamBadResponse("The service that grants tokens answered without one that can be used.")
    return granted.access_token, life_s


def _denied(status: int, body: bytes) -> PerpetuoError:
    if status == 429:
        return UpstreamRateLimited("The service that grants tokens is limiting this account.")
    if status >= 500:
        return UpstreamUnavailable("The service that grants tokens is not available.")
    if status in (400, 401, 403):
        try:
            word = _DENIED.decode(body).error
        except (msgspec.DecodeError, UnicodeDecodeError):
            word = ""
        told = f" ({word})" if _WORD.match(word) else ""
        return UpstreamAuth(f"No token is granted to the credential of the provider entry{told}; replace it.")
    return UpstreamBadResponse(f"The service that grants tokens answered with status {status}.")


def _with_token(request: WireRequest, token: str) -> WireRequest:
    return replace(request, headers={**request.headers, "Authorization": f"Bearer {token}"}, grant=None)


def _left(timeouts: Timeouts, left_s: float) -> Timeouts:
    return replace(timeouts, total_s=max(left_s, _LEAST_TIME_S))
