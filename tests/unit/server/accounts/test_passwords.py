"""Passwords: the rules, the parameters, and nothing on the event loop."""

import asyncio
import threading
import time

import argon2
import pytest

from server.accounts.passwords import Passwords, check_password
from server.errors import Overloaded, PasswordWeak


@pytest.mark.parametrize(
    "password",
    [
        pytest.param("secure123", id="the example of one reference"),
        pytest.param("secure-password-123", id="the example of the other"),
        pytest.param("a" * 7 + "b", id="exactly 8 bytes"),
        pytest.param("ñandú!!", id="8 bytes in fewer characters"),
        pytest.param("ab" * 512, id="exactly 1,024 bytes"),
        pytest.param("corréct hörse ★ staple", id="any Unicode"),
    ],
)
def test_a_password_that_keeps_the_rules_is_taken(password: str) -> None:
    check_password(password)


@pytest.mark.parametrize(
    ("password", "rule"),
    [
        pytest.param("", "at least 8 bytes", id="none at all"),
        pytest.param("short12", "at least 8 bytes", id="7 bytes"),
        pytest.param("ab" * 512 + "c", "at most 1024 bytes", id="1,025 bytes"),
        pytest.param("é" * 512 + "a", "at most 1024 bytes", id="too many bytes in fewer characters"),
        pytest.param("PassWord1", "most common", id="a common one in any case"),
        pytest.param("zzzzzzzzzz", "most common", id="one character again and again"),
        pytest.param("lonely \ud83d surrogate", "valid Unicode", id="half a character"),
    ],
)
def test_a_password_that_breaks_a_rule_is_told_which(password: str, rule: str) -> None:
    with pytest.raises(PasswordWeak, match=rule) as raised:
        check_password(password)
    assert raised.value.param == "password"
    assert not password or password not in raised.value.message


async def test_a_hash_is_argon2id_with_at_least_the_recommended_parameters() -> None:
    passwords = Passwords()
    kept = await passwords.hash("secure123")
    found = argon2.extract_parameters(kept)
    assert found.type is argon2.Type.ID
    assert (found.memory_cost >= 19 * 1024, found.time_cost >= 2, found.parallelism) == (True, True, 1)
    assert kept != await passwords.hash("secure123")
    passwords.close()


@pytest.mark.parametrize(
    ("password", "is_right"),
    [
        pytest.param("sécure123", True, id="the same"),
        pytest.param("se\u0301cure123", True, id="the same, its accent typed apart"),
        pytest.param("Sécure123", False, id="another case"),
        pytest.param("sécure123 ", False, id="a space more"),
        pytest.param("", False, id="none"),
        pytest.param("x" * 1_000_000, False, id="a megabyte"),
        pytest.param("\ud83d", False, id="half a character"),
    ],
)
async def test_only_the_right_password_is_right(password: str, *, is_right: bool) -> None:
    passwords = Passwords()
    kept = await passwords.hash("sécure123")
    assert (await passwords.verify(kept, password)).is_right is is_right
    assert not (await passwords.verify(kept, kept)).is_right
    passwords.close()


@pytest.mark.parametrize("kept", [None, "", "not a hash", "$argon2id$v=19$m=1,t=1,p=1$AA$AA"])
async def test_without_a_hash_that_can_be_read_no_password_is_right(kept: str | None) -> None:
    passwords = Passwords()
    assert not (await passwords.verify(kept, "secure123")).is_right
    passwords.close()


async def test_a_weaker_hash_is_replaced_when_the_password_is_right() -> None:
    passwords = Passwords()
    weak = argon2.PasswordHasher(1, 8192, 1).hash("secure123")
    assert (await passwords.verify(weak, "wrong-one")).new_hash is None
    verdict = await passwords.verify(weak, "secure123")
    assert verdict.is_right
    assert verdict.new_hash is not None
    assert await passwords.verify(verdict.new_hash, "secure123") == type(verdict)(is_right=True)
    passwords.close()


async def test_an_unknown_user_takes_as_long_as_a_wrong_password() -> None:
    passwords = Passwords()
    kept = await passwords.hash("secure123")
    known_s: list[float] = []
    unknown_s: list[float] = []
    for _ in range(9):
        for into, against in ((known_s, kept), (unknown_s, None)):
            started = time.perf_counter()
            await passwords.verify(against, "wrong-one")
            into.append(time.perf_counter() - started)
    # The quickest of each: what else the machine does only adds.
    assert 0.5 < min(unknown_s) / min(known_s) < 2.0
    passwords.close()


async def test_hashes_run_two_at_a_time_and_never_on_the_event_loop() -> None:
    passwords = Passwords()
    threads: set[int] = set()

    class Watching:
        def verify(self, password_hash: str, password: bytes) -> bool:
            threads.add(threading.get_ident())
            return False

    passwords._hasher = Watching()  # type: ignore[assignment]
    await asyncio.gather(*(passwords.verify("hash", "x") for _ in range(50)))
    assert threading.get_ident() not in threads
    assert 1 <= len(threads) <= 2
    passwords.close()


async def test_more_than_can_be_served_soon_are_turned_away() -> None:
    passwords = Passwords()
    outcomes = await asyncio.gather(*(passwords.hash("secure123") for _ in range(66)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, Overloaded)]
    assert len(refused) == 2
    assert refused[0].retry_after_s == 1.0
    passwords.close()
