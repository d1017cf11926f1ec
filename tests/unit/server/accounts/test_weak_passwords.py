"""The list holds what is tried first, and not what the documentation shows."""

from importlib.resources import files

import pytest

from server.accounts.weak_passwords import is_weak


def words() -> list[str]:
    text = files("server.accounts").joinpath("weak_passwords.txt").read_text(encoding="utf-8")
    return text.partition("\n\n")[2].splitlines()


def test_every_entry_is_as_it_is_compared_and_long_enough_to_need_the_list() -> None:
    assert len(words()) > 10_000
    assert [word for word in words() if word != word.casefold() or len(word.encode()) < 8 or " " in word] == []


def test_every_entry_is_refused_in_capitals_too() -> None:
    assert [word for word in words() if not is_weak(word) or not is_weak(word.upper().replace("ẞ", "ß"))] == []


@pytest.mark.parametrize("password", ["password", "12345678", "qwertyuiop", "iloveyou", "1q2w3e4r", "letmein1"])
def test_what_is_tried_first_is_in_it(password: str) -> None:
    assert is_weak(password)


@pytest.mark.parametrize("password", ["assword", "passwor", "password\n12345678", "\n", "password ", "\npassword"])
def test_a_piece_of_the_list_is_not(password: str) -> None:
    assert not is_weak(password)


@pytest.mark.parametrize("password", ["secure123", "secure-password-123", "", "MIT", "# MIT License"])
def test_the_documented_examples_are_not(password: str) -> None:
    assert not is_weak(password)
