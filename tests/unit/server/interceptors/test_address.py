"""Where a caller is: the connection counts, unless somebody trusted says who is behind it."""

import pytest

from server.interceptors.address import CallerAddress

TRUSTED = ("127.0.0.1", "::1", "10.0.0.0/8")


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "expected"),
    [
        pytest.param("inproc:", "198.51.100.7", "198.51.100.7", id="the edge in this process is believed"),
        pytest.param("inproc:", "1.1.1.1, 198.51.100.7", "198.51.100.7", id="its own word is the last"),
        pytest.param("inproc:", "", "", id="without a word there is no address"),
        pytest.param("ipv4:203.0.113.9:4711", "", "203.0.113.9", id="a caller over a socket"),
        pytest.param("ipv4:203.0.113.9:4711", "198.51.100.7", "203.0.113.9", id="a caller who lies"),
        pytest.param("ipv6:%5B2001:db8::1%5D:4711", "1.1.1.1", "2001:db8::1", id="an escaped IPv6 address"),
        pytest.param("ipv6:[2001:db8::1]:4711", "", "2001:db8::1", id="an IPv6 address"),
        pytest.param("ipv4:127.0.0.1:1", "2.2.2.2, 198.51.100.7", "198.51.100.7", id="a trusted edge on this machine"),
        pytest.param("ipv6:%5B::1%5D:1", "198.51.100.7", "198.51.100.7", id="a trusted edge over IPv6"),
        pytest.param("ipv6:[::ffff:10.1.2.3]:1", "198.51.100.7", "198.51.100.7", id="a mapped address in a network"),
        pytest.param("ipv4:127.0.0.1:1", "", "127.0.0.1", id="a trusted address that speaks for itself"),
        pytest.param("unix:", "198.51.100.7", "", id="the operator's socket file"),
        pytest.param("", "198.51.100.7", "", id="no peer at all"),
        pytest.param("inproc:", "x" * 1000, "x" * 64, id="nonsense is cut short"),
    ],
)
def test_an_address_is_told(peer: str, forwarded_for: str, expected: str) -> None:
    assert CallerAddress(TRUSTED)(peer, forwarded_for) == expected


def test_nobody_is_trusted_when_nobody_is_named() -> None:
    assert CallerAddress(())("ipv4:127.0.0.1:1", "198.51.100.7") == "127.0.0.1"


def test_what_is_no_network_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="example"):
        CallerAddress(("example.com",))


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "expected"),
    [
        pytest.param("inproc:", "198.51.100.7", ("198.51.100.7",), id="in this process"),
        pytest.param("inproc:", "", (), id="nobody on the way"),
        pytest.param("ipv4:10.0.0.1:1", "1.1.1.1, 2.2.2.2", ("1.1.1.1", "2.2.2.2", "10.0.0.1"), id="proxies"),
        pytest.param("ipv4:203.0.113.9:1", "", ("203.0.113.9",), id="a caller over a socket"),
        pytest.param("unix:", ", ,x", ("x",), id="empty hops are none"),
    ],
)
def test_every_hop_is_told_whoever_says_so(peer: str, forwarded_for: str, expected: tuple[str, ...]) -> None:
    assert CallerAddress(()).hops(peer, forwarded_for) == expected
