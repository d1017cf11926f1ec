"""Guesses are counted by account and by address, in windows that slide, in this process or for all replicas."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from server.accounts.throttle import ACCOUNT, ADDRESS, SIGN_UPS, TAKEN, LoginThrottle
from server.chat.rates import Moment
from server.errors import LoginThrottled
from server.state.memory import MemoryRates
from server.state.memory_notes import MemoryNotes
from server.state.valkey_notes import ValkeyNotes
from server.state.valkey_rates import ValkeyRates
from tests.unit.server.accounts.clock import Clock
from tests.unit.server.state.conftest import valkey
from tests.unit.server.state.valkeys import Valkey, turned

__all__ = ["valkey"]

Turn = Callable[[float], Awaitable[None]]


@pytest.fixture(params=["memory", "valkey"])
async def turning(
    request: pytest.FixtureRequest, clock: Clock, valkey: Valkey
) -> AsyncIterator[tuple[LoginThrottle, Turn]]:
    """A throttle over each kind of state, and how its time passes."""

    async def turn(by_s: float) -> None:
        clock.now_s += by_s

    if request.param == "memory":
        rates = MemoryRates(now=lambda: Moment(clock.now_s, clock.now_s))
        yield LoginThrottle(rates, MemoryNotes(clock)), turn
        return
    async with turned(valkey, clock.now_s) as (link, time):
        yield LoginThrottle(ValkeyRates(link), ValkeyNotes(link)), time.turn


@pytest.fixture
def throttle(turning: tuple[LoginThrottle, Turn]) -> LoginThrottle:
    return turning[0]


@pytest.fixture
def turn(turning: tuple[LoginThrottle, Turn]) -> Turn:
    return turning[1]


async def test_an_account_takes_ten_guesses_in_fifteen_minutes_from_a_thousand_addresses(
    throttle: LoginThrottle, turn: Turn
) -> None:
    waits_s = []
    for number in range(1000):
        email = "Ana@example.com" if number % 2 else " ana@EXAMPLE.com"
        try:
            await throttle.guess(email, f"10.1.{number // 250}.{number % 250}")
        except LoginThrottled as error:
            waits_s.append(error.retry_after_s)
    assert waits_s == [60.0] * 990
    assert ACCOUNT.limit == 10
    await turn(ACCOUNT.window.span_s)
    await throttle.guess("ana@example.com", "10.9.9.9")


async def test_an_address_takes_fifty_guesses_an_hour_at_a_thousand_accounts(
    throttle: LoginThrottle, turn: Turn
) -> None:
    through = 0
    for number in range(1000):
        try:
            await throttle.guess(f"user{number}@example.com", f"2001:db8::{number:x}")
        except LoginThrottled:
            continue
        through += 1
    assert through == ADDRESS.limit == 50
    await throttle.guess("user@example.com", "2001:db8:0:1::1")
    await turn(ADDRESS.window.span_s)
    await throttle.guess("user@example.com", "2001:db8::1")


async def test_a_right_password_is_no_guess(throttle: LoginThrottle) -> None:
    for _ in range(200):
        await throttle.succeed(await throttle.guess("ana@example.com", "198.51.100.7"))


async def test_strangers_do_not_lock_the_owner_out(throttle: LoginThrottle) -> None:
    await throttle.succeed(await throttle.guess("ana@example.com", "198.51.100.7"))
    for number in range(10):
        await throttle.guess("ana@example.com", f"203.0.113.{number}")
    with pytest.raises(LoginThrottled):
        await throttle.guess("ana@example.com", "203.0.113.99")
    for _ in range(10):
        await throttle.guess("ana@example.com", "198.51.100.7")
    with pytest.raises(LoginThrottled):
        await throttle.guess("ana@example.com", "198.51.100.7")


async def test_an_ipv4_address_is_the_same_when_it_is_mapped(throttle: LoginThrottle) -> None:
    await throttle.succeed(await throttle.guess("ana@example.com", "::ffff:198.51.100.7"))
    for number in range(10):
        await throttle.guess("ana@example.com", f"203.0.113.{number}")
    await throttle.guess("ana@example.com", "198.51.100.7")


async def test_sign_ups_are_counted_by_address_and_those_that_probe_sooner(throttle: LoginThrottle) -> None:
    for _ in range(TAKEN.limit):
        await throttle.probe("198.51.100.7")
    with pytest.raises(LoginThrottled):
        await throttle.probe("198.51.100.7")
    for _ in range(SIGN_UPS.limit):
        await throttle.sign_up("198.51.100.7")
    with pytest.raises(LoginThrottled):
        await throttle.sign_up("198.51.100.7")
    await throttle.sign_up("198.51.100.8")


async def test_the_operator_is_not_counted_by_address(throttle: LoginThrottle) -> None:
    for number in range(SIGN_UPS.limit + 1):
        await throttle.sign_up("")
        await throttle.guess(f"user{number}@example.com", "")
