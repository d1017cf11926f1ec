"""Settings are what is given, else what the environment says, else the default; and they do not change."""

import pytest

from options.option import option
from options.secret import SecretStr
from options.settings import Settings, WrongOptionsError


class Place(Settings):
    """Where it is."""

    host: str = option("The host.", default="here")
    port: int = option("The port.", default=80, ge=0, le=99)


class Service(Place):
    """What it is."""

    port: int = option("Another port.", default=81, ge=0, le=99)
    key: SecretStr = option("The key.", default=SecretStr(""))
    url: str = option("The address.", default="", shows=False)

    def check(self) -> None:
        if self.host == "nowhere" and self.port:
            raise ValueError("--host nowhere has no --port")


def test_options_of_bases_come_first_and_can_be_told_anew() -> None:
    assert [(each.name, each.description) for each in Service.options.values()] == [
        ("host", "The host."),
        ("port", "Another port."),
        ("key", "The key."),
        ("url", "The address."),
    ]
    assert Service().port == 81
    assert Place().port == 80


@pytest.mark.parametrize("name", ["PERPETUO_PORT", "perpetuo_port"])
def test_the_environment_is_between_what_is_given_and_the_default(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "12")
    assert (Service().port, Service(port=13).port) == (12, 13)


def test_everything_that_is_wrong_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERPETUO_PORT", "100")
    with pytest.raises(WrongOptionsError) as wrong:
        Service(host=None)  # type: ignore[arg-type]  # it is what must not be
    assert wrong.value.lines() == [
        "--host: Input should be a valid string",
        "--port: Input should be less than or equal to 99",
    ]


def test_what_does_not_go_together_has_no_name() -> None:
    with pytest.raises(WrongOptionsError) as wrong:
        Service(host="nowhere")
    assert wrong.value.lines() == ["Value error, --host nowhere has no --port"]


def test_settings_do_not_change_and_have_others_beside_them() -> None:
    first = Service(port=1, key=SecretStr("canary"))
    second = first.but(port=2)
    assert (first.port, second.port, second.key) == (1, 2, SecretStr("canary"))
    assert first != second
    assert first == second.but(port=1)
    assert hash(first) == hash(second.but(port=1))
    with pytest.raises(AttributeError, match="do not change"):
        first.port = 3  # type: ignore[misc]  # it is what must not be
    with pytest.raises(WrongOptionsError):
        first.but(port=-1)


def test_what_is_secret_does_not_show() -> None:
    shown = repr(Service(key=SecretStr("canary"), url="postgresql://user:canary@host"))
    assert shown == "Service(host='here', port=81, key=SecretStr('**********'))"
