"""Where the trailers of a request go: nowhere near its headers, and not many of them. They say nothing to anybody."""

from typing import Final

MAX_TRAILERS: Final = 20


class TooMuchError(Exception):
    """Ends the parsing of a request of which too much comes."""


class Trailers(list[tuple[bytes, bytes]]):
    """Names and values as the parser finds them; raises TooMuchError at the one after the last that may come."""

    def append(self, item: tuple[bytes, bytes]) -> None:
        """Takes one."""
        if len(self) >= MAX_TRAILERS:
            raise TooMuchError
        super().append(item)
