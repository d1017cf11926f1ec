"""What is traced, by settings."""

from pathlib import Path

import pytest

from server.catalogue.catalogue import Catalogue
from server.metering import Metering
from server.providers.registry import PROVIDERS
from server.settings import ServerSettings
from server.stores import SettingsError
from server.tracing import open_tracing


def settings(**members: object) -> ServerSettings:
    return ServerSettings.from_environment(**{"data_dir": Path("unused"), **members})


def test_without_a_collector_nothing_is_traced() -> None:
    assert open_tracing(settings(), PROVIDERS, Metering(Catalogue.load())) is None


async def test_with_one_there_is_what_sends_spans() -> None:
    made = open_tracing(
        settings(otlp_url="https://collector:4318", otlp_headers="a=b=c, d = e,"), PROVIDERS, Metering(Catalogue.load())
    )
    assert made is not None
    assert made._rules.headers == {"a": "b=c", "d": "e"}
    assert made._name_of("bedrock") == "aws.bedrock"
    assert made._name_of("openai") == "openai"
    await made.close()


REFUSED = [
    {"otlp_url": "collector:4318"},
    {"otlp_url": "grpc://collector:4317"},
    {"otlp_url": "http://"},
    {"otlp_url": "http://collector?x=1"},
    {"otlp_url": "http://collector", "otlp_headers": "token"},
    {"otlp_url": "http://collector", "otlp_headers": "to ken=1"},
    {"otlp_url": "http://collector", "otlp_headers": "token=1\r\nx: 2"},
]


@pytest.mark.parametrize("members", REFUSED)
def test_what_is_no_address_or_header_is_refused(members: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="--otlp"):
        open_tracing(settings(**members), PROVIDERS, Metering(Catalogue.load()))
