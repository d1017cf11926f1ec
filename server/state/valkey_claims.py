"""Claims in Valkey or Redis, for all replicas. While that is away, each replica has what it claims."""

from typing import Final

from server.state.link import StateAwayError, ValkeyLink

_CLAIM: Final = "claim:"


class ValkeyClaims:
    """Claims over a link; see `server.chat.shared.Claims`."""

    def __init__(self, link: ValkeyLink) -> None:
        self._link = link

    async def claim(self, name: str, text: str, keep_s: float) -> str | None:
        """See `Claims.claim`."""
        return await self._asked(["claim", _CLAIM + name, text, _milliseconds(keep_s)])

    async def look(self, name: str) -> str | None:
        """See `Claims.look`."""
        return await self._asked(["get", _CLAIM + name])

    def put(self, name: str, text: str, keep_s: float) -> None:
        """See `Claims.put`."""
        self._link.say("note", ["put", _CLAIM + name, text, _milliseconds(keep_s)])

    def drop(self, name: str) -> None:
        """See `Claims.drop`."""
        self._link.say("note", ["drop", _CLAIM + name])

    async def _asked(self, args: list[str]) -> str | None:
        try:
            found = await self._link.ask("note", args)
        except StateAwayError:
            return None
        return None if found is None else str(found, "utf-8", "replace")


def _milliseconds(keep_s: float) -> str:
    return str(max(int(keep_s * 1000), 1))
