"""Guesses are counted by account and by address, in windows that slide."""

import pytest

from server.accounts.throttle import ACCOUNT, ADDRESS, SIGN_UPS, TAKEN, Bound, LoginThrottle, MemoryCounter
from server.errors import LoginThrottled
from tests.unit.server.accounts.clock import Clock

PAIR = Bound("pair", 2, 10.0)


@pytest.fixture
def throttle(clock: Clock) -> LoginThrottle:
    return LoginThrottle(MemoryCounter(clock))


def test_a_window_slides(clock: Clock) -> None:
    counter = MemoryCounter(clock)
    assert counter.add([(PAIR, b"a")]) == 0
    clock.now_s += 4
    assert counter.add([(PAIR, b"a")]) == 0
    assert counter.add([(PAIR, b"a")]) == 6
    assert counter.add([(PAIR, b"b")]) == 0
    clock.now_s += 6
    assert counter.add([(PAIR, b"a")]) == 0
    assert counter.add([(PAIR, b"a")]) == 4


def test_all_events_of_a_try_count_or_none(clock: Clock) -> None:
    counter = MemoryCounter(clock)
    for _ in range(2):
        counter.add([(PAIR, b"full")])
    for _ in range(5):
        assert counter.add([(PAIR, b"full"), (PAIR, b"empty")]) > 0
    assert counter.add([(PAIR, b"empty")]) == 0


def test_memory_is_bounded(clock: Clock) -> None:
    counter = MemoryCounter(clock, max_keys=100)
    for number in range(1000):
        counter.add([(PAIR, str(number).encode())])
    assert len(counter) == 100


def test_what_is_taken_back_leaves_nothing(clock: Clock) -> None:
    counter = MemoryCounter(clock)
    counter.add([(PAIR, b"a")])
    counter.take_back([(PAIR, b"a"), (PAIR, b"never")])
    assert len(counter) == 0


def test_an_account_takes_ten_guesses_in_fifteen_minutes_from_a_thousand_addresses(
    throttle: LoginThrottle, clock: Clock
) -> None:
    waits_s = []
    for number in range(1000):
        email = "Ana@example.com" if number % 2 else " ana@EXAMPLE.com"
        try:
            throttle.guess(email, f"10.1.{number // 250}.{number % 250}")
        except LoginThrottled as error:
            waits_s.append(error.retry_after_s)
    assert waits_s == [60.0] * 990
    assert ACCOUNT.limit == 10
    clock.now_s += ACCOUNT.window_s
    throttle.guess("ana@example.com", "10.9.9.9")


def test_an_address_takes_fifty_guesses_an_hour_at_a_thousand_accounts(throttle: LoginThrottle, clock: Clock) -> None:
    through = 0
    for number in range(1000):
        try:
            throttle.guess(f"user{number}@example.com", f"2001:db8::{number:x}")
        except LoginThrottled:
            continue
        through += 1
    assert through == ADDRESS.limit == 50
    throttle.guess("user@example.com", "2001:db8:0:1::1")
    clock.now_s += ADDRESS.window_s
    throttle.guess("user@example.com", "2001:db8::1")


def test_a_right_password_is_no_guess(throttle: LoginThrottle) -> None:
    for _ in range(200):
        throttle.succeed(throttle.guess("ana@example.com", "198.51.100.7"))


def test_strangers_do_not_lock_the_owner_out(throttle: LoginThrottle) -> None:
    throttle.succeed(throttle.guess("ana@example.com", "198.51.100.7"))
    for number in range(10):
        throttle.guess("ana@example.com", f"203.0.113.{number}")
    with pytest.raises(LoginThrottled):
        throttle.guess("ana@example.com", "203.0.113.99")
    for _ in range(10):
        throttle.guess("ana@example.com", "198.51.100.7")
    with pytest.raises(LoginThrottled):
        throttle.guess("ana@example.com", "198.51.100.7")


def test_an_ipv4_address_is_the_same_when_it_is_mapped(throttle: LoginThrottle) -> None:
    throttle.succeed(throttle.guess("ana@example.com", "::ffff:198.51.100.7"))
    for number in range(10):
        throttle.guess("ana@example.com", f"203.0.113.{number}")
    throttle.guess("ana@example.com", "198.51.100.7")


def test_sign_ups_are_counted_by_address_and_those_that_probe_sooner(throttle: LoginThrottle) -> None:
    for _ in range(TAKEN.limit):
        throttle.probe("198.51.100.7")
    with pytest.raises(LoginThrottled):
        throttle.probe("198.51.100.7")
    for _ in range(SIGN_UPS.limit):
        throttle.sign_up("198.51.100.7")
    with pytest.raises(LoginThrottled):
        throttle.sign_up("198.51.100.7")
    throttle.sign_up("198.51.100.8")


def test_the_operator_is_not_counted_by_address(throttle: LoginThrottle) -> None:
    for number in range(SIGN_UPS.limit + 1):
        throttle.sign_up("")
        throttle.guess(f"user{number}@example.com", "")
