"""Compressed answers, read in bounded steps. None is asked for, but some servers and proxies compress all the same.

No socket here: pieces in, pieces out. What is never inflated is more than `MAX_INFLATION` times what came.
"""

import zlib
from typing import Final

from server.errors import UpstreamBadResponse

MAX_INFLATION: Final = 100
"""How many times its compressed size a body may become; looked at once it is longer than `INFLATION_FREE_BYTES`."""

INFLATION_FREE_BYTES: Final = 1024 * 1024

_STEP_BYTES: Final = 256 * 1024
_GZIP_WBITS: Final = 31
_ZLIB_WBITS: Final = 15
_RAW_WBITS: Final = -15
_DEFLATE_METHOD: Final = 8


class Inflater:
    """Inflates one body. Not to be used for a second one."""

    __slots__ = ("_came_bytes", "_gave_bytes", "_holds_more", "_inner", "_is_gzip", "_pending")

    def __init__(self, encoding: str) -> None:
        """`encoding` is a Content-Encoding. Raises UpstreamBadResponse for one that is not gzip or deflate."""
        if encoding not in ("gzip", "x-gzip", "deflate"):
            raise _refused("The provider's answer is compressed in a way that it was not asked for.")
        self._is_gzip = encoding != "deflate"
        self._inner = zlib.decompressobj(_GZIP_WBITS) if self._is_gzip else None
        self._pending = b""
        self._holds_more = False
        self._came_bytes = 0
        self._gave_bytes = 0

    def feed(self, data: bytes) -> None:
        """Takes the next compressed piece; `take` what is in it before the next one comes."""
        self._came_bytes += len(data)
        self._pending += data

    def take(self) -> bytes:
        """The next piece of at most 256 KiB, empty when more has to be fed.

        Raises UpstreamBadResponse for what is not compressed as declared, or inflates to too much.
        """
        while self._pending or self._holds_more:
            data = self._step()
            if data:
                self._gave_bytes += len(data)
                if self._gave_bytes > INFLATION_FREE_BYTES and self._gave_bytes > MAX_INFLATION * self._came_bytes:
                    raise _refused(f"The provider's answer inflates to more than {MAX_INFLATION} times its size.")
                return data
        return b""

    def finish(self) -> None:
        """Raises UpstreamBadResponse when the compressed text is not complete."""
        if self._came_bytes and (self._inner is None or not self._inner.eof):
            raise _broken()

    def _step(self) -> bytes:
        inner = self._inner
        if inner is None:
            is_zlib = self._pending[0] & 0x0F == _DEFLATE_METHOD
            inner = self._inner = zlib.decompressobj(_ZLIB_WBITS if is_zlib else _RAW_WBITS)
        elif inner.eof:
            if not self._is_gzip:
                raise _broken()
            inner = self._inner = zlib.decompressobj(_GZIP_WBITS)
        try:
            data = inner.decompress(self._pending, _STEP_BYTES)
        except zlib.error:
            raise _broken() from None
        self._pending = inner.unused_data if inner.eof else inner.unconsumed_tail
        self._holds_more = len(data) == _STEP_BYTES and not inner.eof
        return data


def _broken() -> UpstreamBadResponse:
    return _refused("The provider's answer is not compressed as its headers say.")


def _refused(message: str) -> UpstreamBadResponse:
    return UpstreamBadResponse(message, details={"kind": "encoding"})
