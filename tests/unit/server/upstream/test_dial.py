"""Opening connections: several addresses, slow ones first, and none that may be dialled."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence

import pytest

from server.chat.wire import Timeouts
from server.errors import UpstreamTimeout, UpstreamUnavailable
from server.upstream.dial import Dialler, Origin, _system_trust
from server.upstream.egress import AddrInfo


class Places:
    """Resolves every name to fixed addresses with their ports."""

    def __init__(self, *places: tuple[str, int]) -> None:
        self._places = places

    async def resolve(self, host: str, port: int) -> Sequence[AddrInfo]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", place) for place in self._places]


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@contextlib.asynccontextmanager
async def open_port() -> AsyncIterator[int]:
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@contextlib.contextmanager
def full_port() -> Iterator[int]:
    """A port where connecting never ends: a listener whose queue is full."""
    with socket.socket() as listener, contextlib.ExitStack() as fillers:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


async def dial(*places: tuple[str, int], timeouts: Timeouts | None = None) -> int:
    """The port that was reached."""
    dialler = Dialler(Places(*places), allow_private=True, tls=None)
    origin = Origin("a.example", 80, is_tls=False)
    made: list[asyncio.BaseTransport] = []

    class Client(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            made.append(transport)

    await dialler.open(origin, Client, timeouts or Timeouts())
    port: int = made[0].get_extra_info("peername")[1]
    made[0].close()
    return port


async def test_an_address_that_refuses_is_followed_by_the_next() -> None:
    with closed_port() as closed:
        async with open_port() as port:
            assert await dial(("127.0.0.1", closed), ("127.0.0.1", port)) == port


async def test_an_address_that_does_not_answer_does_not_hold_up_the_next() -> None:
    with full_port() as full:
        async with open_port() as port:
            assert await dial(("127.0.0.1", full), ("127.0.0.1", port)) == port


async def test_all_addresses_that_refuse_are_a_refusal() -> None:
    with closed_port() as one, closed_port() as other, pytest.raises(UpstreamUnavailable):
        await dial(("127.0.0.1", one), ("127.0.0.1", other))


async def test_no_address_at_all_is_a_refusal() -> None:
    with pytest.raises(UpstreamUnavailable):
        await dial()


@pytest.mark.parametrize(
    ("timeouts", "phase"), [(Timeouts(connect_s=0.05), "connect"), (Timeouts(total_s=0.05), "total")]
)
async def test_the_time_for_it_is_bounded(timeouts: Timeouts, phase: str) -> None:
    with full_port() as full:
        with pytest.raises(UpstreamTimeout) as caught:
            await dial(("127.0.0.1", full), ("127.0.0.1", full), timeouts=timeouts)
        assert caught.value.details["phase"] == phase


def test_certificates_and_names_are_checked_by_no_tls_older_than_1_2() -> None:
    context = _system_trust()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
