"""A secret says what it is only to who asks."""

import pytest

from options.secret import Secret


@pytest.mark.parametrize(
    "shown", [repr, str, "{}".format, lambda secret: f"{[secret]}"], ids=["repr", "str", "format", "in"]
)
def test_a_secret_does_not_show(shown: object) -> None:
    assert callable(shown)
    assert "canary" not in shown(Secret("canary"))


def test_an_empty_secret_shows_that_it_is_empty() -> None:
    assert (str(Secret("")), str(Secret("x"))) == ("", "**********")


def test_secrets_are_what_they_say() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert {Secret("a"), Secret("a")} == {Secret("a")}
    assert Secret("a").text == "a"
