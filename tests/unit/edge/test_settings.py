"""The edge's settings from the command line and the environment."""

from dataclasses import FrozenInstanceError

import pytest

from edge.settings import EdgeSettings
from options.options import OptionsError


def parse(*arguments: str) -> EdgeSettings:
    return EdgeSettings.from_command_line(arguments)


def test_the_defaults_listen_on_loopback_and_trust_nobody() -> None:
    settings = parse()
    assert (settings.host, settings.port, settings.core) == ("127.0.0.1", 8000, "")
    assert (settings.cors_origins, settings.trusted_proxies, settings.max_body_mib) == ((), (), 32)


def test_the_command_line_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERPETUO_PORT", "9000")
    monkeypatch.setenv("PERPETUO_CORS_ORIGINS", "https://a.example, https://b.example")
    settings = parse("--port", "9001", "--max-body-mib", "64")
    assert (settings.port, settings.max_body_mib) == (9001, 64)
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert parse("--trusted-proxies", "10.0.0.0/8,127.0.0.1").trusted_proxies == ("10.0.0.0/8", "127.0.0.1")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        pytest.param(["--core", "nowhere"], "expected HOST:PORT", id="a core without a port"),
        pytest.param(["--core", "host:0"], "expected HOST:PORT", id="a core on port 0"),
        pytest.param(["--port", "65536"], "less than or equal to 65535", id="a port too high"),
        pytest.param(["--max-body-mib", "0"], "greater than or equal to 1", id="no room for a body"),
        pytest.param(["--tls-cert", "x.pem"], "go together", id="a certificate without its key"),
    ],
)
def test_a_wrong_value_is_refused(arguments: list[str], complaint: str) -> None:
    with pytest.raises(OptionsError, match=complaint):
        parse(*arguments)


@pytest.mark.parametrize("core", ["127.0.0.1:50051", "core.internal:443", "[::1]:50051"])
def test_an_address_of_the_core_is_taken(core: str) -> None:
    assert parse("--core", core).core == core


def test_settings_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        parse().port = 1  # type: ignore[misc]  # which is the point
