"""Opens the state that replicas share, by URL: `memory:` for a gateway that is alone, `valkey://…` or `redis://…`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol
from urllib.parse import urlsplit

from msgspec import Struct

from server.chat.rates import CountOf, RateStore, no_books
from server.chat.shared import Claims, Notes, Notices
from server.state.link import ValkeyLink
from server.state.memory import MemoryRates
from server.state.memory_notes import MemoryNotes, NoOthers, NoRivals
from server.state.shared_rates import SharedRates
from server.state.valkey_claims import ValkeyClaims
from server.state.valkey_notes import ValkeyNotes, ValkeyNotices

MEMORY: Final = "memory:"
PREFIX: Final = "perpetuo:"
"""What every key of the gateway begins with, unless the URL says `?prefix=…`."""

_SCHEMES: Final[Mapping[str, str]] = MappingProxyType(
    {"valkey": "redis", "redis": "redis", "valkeys": "rediss", "rediss": "rediss", "unix": "unix"}
)
_CONNECT_TIMEOUT_S: Final = 1.0
_CHECKED_EVERY_S: Final = 10


class State(Protocol):
    """The state of one replica, and what it shares."""

    @property
    def rates(self) -> RateStore:
        """Rates of calls and tokens."""

    @property
    def throttles(self) -> RateStore:
        """Rates of what strangers try; they never crowd out those of calls."""

    @property
    def notes(self) -> Notes:
        """Texts that are kept for a while."""

    @property
    def claims(self) -> Claims:
        """Texts of who came first."""

    @property
    def notices(self) -> Notices:
        """What replicas tell each other."""

    def health(self) -> "StateHealth":
        """How it does."""

    async def close(self) -> None:
        """Ends it."""


class StateHealth(Struct, frozen=True):
    """How the shared state does; of a state in memory all is well.

    `outages` is how often the server has stopped to answer, `local_calls` how many calls were judged by the share of
    this replica alone, `lost` how many corrections were given up.
    """

    is_up: bool = True
    outages: int = 0
    local_calls: int = 0
    lost: int = 0


class MemoryState:
    """State in this process alone."""

    def __init__(self, count_of: CountOf) -> None:
        self.rates = MemoryRates(count_of)
        self.throttles = MemoryRates()
        self.notes = MemoryNotes()
        self.claims = NoRivals()
        self.notices = NoOthers()

    def health(self) -> StateHealth:
        """See `State.health`."""
        return StateHealth()

    async def close(self) -> None:
        """See `State.close`."""
        await self.rates.close()
        await self.throttles.close()


class ValkeyState:
    """State in Valkey or Redis, with what holds in this process while that is away."""

    def __init__(self, link: ValkeyLink, replicas: int, count_of: CountOf) -> None:
        self._link = link
        self.rates = SharedRates(link, replicas, count_of)
        self.throttles = SharedRates(link, replicas)
        self.notes = ValkeyNotes(link)
        self.claims = ValkeyClaims(link)
        self.notices = ValkeyNotices(link)

    async def open(self) -> None:
        """Connects; a server that is away is waited for behind the requests."""
        await self._link.open()
        self.notices.open()

    def health(self) -> StateHealth:
        """See `State.health`."""
        link = self._link
        return StateHealth(link.is_up, link.outage_count, self.rates.local_count, link.lost_count)

    async def close(self) -> None:
        """See `State.close`."""
        await self.notices.close()
        await self.rates.close()
        await self.throttles.close()
        await self._link.close()


async def open_state(url: str, replicas: int = 1, count_of: CountOf = no_books) -> State:
    """The state behind a URL. `count_of` are the books behind days.

    Raises ValueError for a URL that is not served, and when the client is not installed. A server that is away raises
    nothing: limits hold for each replica alone until it comes.
    """
    if url == MEMORY:
        return MemoryState(count_of)
    state = ValkeyState(_link(url), replicas, count_of)
    await state.open()
    return state


def check_url(url: str) -> None:
    """Raises ValueError for a URL that is not served."""
    if url == MEMORY:
        return
    parts = urlsplit(url)
    if parts.scheme not in _SCHEMES or not (parts.hostname or parts.path.strip("/")):
        raise ValueError(
            "write memory:, valkey://host:6379/0 or redis://host:6379/0 (valkeys:// and rediss:// for TLS)"
        )
    _ = parts.port


def _link(url: str) -> ValkeyLink:
    check_url(url)
    try:
        from hiredis import HiredisError
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
        from redis.exceptions import RedisError
    except ImportError:
        raise ValueError("the client for Valkey and Redis is not installed: pip install 'perpetuo[redis]'") from None
    scheme, _, rest = url.partition("://")
    client = Redis.from_url(
        f"{_SCHEMES[scheme]}://{rest}",
        socket_connect_timeout=_CONNECT_TIMEOUT_S,
        health_check_interval=_CHECKED_EVERY_S,
        retry=Retry(NoBackoff(), 0),
        client_name="perpetuo",
    )
    return ValkeyLink(client, PREFIX, (RedisError, HiredisError))
