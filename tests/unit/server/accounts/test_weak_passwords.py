"""The list holds what is tried first, and not what the documentation shows."""

import pytest

from server.accounts.weak_passwords import WEAK_PASSWORDS


def test_every_entry_is_as_it_is_compared_and_long_enough_to_need_the_list() -> None:
    assert len(WEAK_PASSWORDS) > 400
    assert [word for word in WEAK_PASSWORDS if word != word.casefold() or len(word.encode()) < 8] == []


@pytest.mark.parametrize("password", ["password", "12345678", "qwertyuiop", "iloveyou", "1q2w3e4r", "letmein1"])
def test_what_is_tried_first_is_in_it(password: str) -> None:
    assert password in WEAK_PASSWORDS


@pytest.mark.parametrize("password", ["secure123", "secure-password-123"])
def test_the_documented_examples_are_not(password: str) -> None:
    assert password not in WEAK_PASSWORDS
