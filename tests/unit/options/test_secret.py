"""A secret does not show."""

from options.secret import SecretStr


def test_a_secret_shows_nowhere_but_where_it_is_asked_for() -> None:
    secret = SecretStr("canary")
    assert "canary" not in f"{secret} {secret!r} {[secret]}"
    assert secret.get_secret_value() == "canary"
    assert str(SecretStr("")) == ""


def test_equal_secrets_are_equal() -> None:
    assert SecretStr("a") == SecretStr("a")
    assert SecretStr("a") != SecretStr("b")
    assert SecretStr("a") != "a"
    assert len({SecretStr("a"), SecretStr("a")}) == 1
