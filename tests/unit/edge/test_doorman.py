"""How many connections an address may have."""

import pytest

from edge.doorman import Doorman, TooManyConnectionsError


def test_an_address_has_so_many_and_gets_one_more_when_one_ends() -> None:
    doorman = Doorman(2)
    names = [doorman.enter("203.0.113.9") for _ in range(2)]
    with pytest.raises(TooManyConnectionsError):
        doorman.enter("203.0.113.9")
    assert doorman.refused_count == 1
    assert doorman.enter("203.0.113.10") == "203.0.113.10"
    assert names[0] is not None
    doorman.leave(names[0])
    assert doorman.enter("203.0.113.9") == "203.0.113.9"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("2001:db8::1", "2001:db8::2", id="a network of IPv6"),
        pytest.param("::ffff:203.0.113.9", "203.0.113.9", id="IPv4 within IPv6"),
        pytest.param("host", "host", id="what is no address"),
    ],
)
def test_what_one_host_has_is_counted_together(one: str, other: str) -> None:
    doorman = Doorman(1)
    doorman.enter(one)
    with pytest.raises(TooManyConnectionsError):
        doorman.enter(other)


@pytest.mark.parametrize(
    ("doorman", "host"),
    [
        pytest.param(Doorman(0), "203.0.113.9", id="without a bound"),
        pytest.param(Doorman(1, ("203.0.113.0/24",)), "203.0.113.9", id="a trusted network"),
        pytest.param(Doorman(1, ("::1", "2001:db8::/32")), "2001:db8::1", id="a trusted network of IPv6"),
        pytest.param(Doorman(1, ("*",)), "203.0.113.9", id="everybody trusted"),
        pytest.param(Doorman(1), None, id="no address at all"),
    ],
)
def test_some_are_not_counted(doorman: Doorman, host: str | None) -> None:
    assert [doorman.enter(host) for _ in range(3)] == [None, None, None]


def test_a_proxy_that_is_no_network_is_passed_over() -> None:
    doorman = Doorman(1, ("proxy.internal",))
    assert doorman.enter("203.0.113.9") == "203.0.113.9"


def test_nothing_is_kept_of_those_who_left() -> None:
    doorman = Doorman(1)
    for _ in range(3):
        name = doorman.enter("203.0.113.9")
        assert name is not None
        doorman.leave(name)
    assert doorman._counts == {}
