"""Knobs from the body and from headers: the body wins, and a wrong one is named."""

import json

import pytest

from server.chat.knobs import knobs_from
from server.chat.request import ChatRequest, parse_chat_request
from server.chat.view import GatewayKnobs
from server.errors import RequestInvalid


def request_with(gateway: object) -> ChatRequest:
    body = {"messages": [{"role": "user", "content": ""}], "gateway": gateway}
    return parse_chat_request(json.dumps(body).encode())


ALL_HEADERS = {
    "strategy": "fastest",
    "strict": "true",
    "stream-mode": "buffered",
    "hedge": "0",
    "cache": "no-store",
    "tags": "team=search, stage = test,flag",
}
ALL_KNOBS = GatewayKnobs(
    "fastest", True, "buffered", False, "no-store", {"team": "search", "stage": "test", "flag": ""}
)

MERGED: dict[str, tuple[object, dict[str, str], GatewayKnobs]] = {
    "nothing": (None, {}, GatewayKnobs()),
    "an empty object": ({}, {}, GatewayKnobs()),
    "only the body": ({"strategy": "cheapest", "strict": False}, {}, GatewayKnobs("cheapest", False)),
    "only headers": (None, ALL_HEADERS, ALL_KNOBS),
    "the body wins": (
        {"strategy": "reliable", "hedge": True},
        {"strategy": "fastest", "hedge": "false"},
        GatewayKnobs("reliable", hedge=True),
    ),
    "false in the body wins": ({"strict": False}, {"strict": "true"}, GatewayKnobs(strict=False)),
    "null in the body leaves it to the header": ({"strategy": None}, {"strategy": "fastest"}, GatewayKnobs("fastest")),
    "they complete each other": ({"cache": "default"}, {"strict": "1"}, GatewayKnobs(strict=True, cache="default")),
    "tags are not mixed": ({"tags": {"a": "1"}}, {"tags": "b=2"}, GatewayKnobs(tags={"a": "1"})),
    "other headers are left alone": (None, {"unknown": "x", "request-timeout": "5"}, GatewayKnobs()),
    "an age": ({"cache": "max-age=3600"}, {}, GatewayKnobs(cache="max-age=3600")),
    "no tags": (None, {"tags": ""}, GatewayKnobs(tags={})),
}


@pytest.mark.parametrize(("gateway", "headers", "knobs"), MERGED.values(), ids=MERGED.keys())
def test_merges(gateway: object, headers: dict[str, str], knobs: GatewayKnobs) -> None:
    assert knobs_from(request_with(gateway), headers) == knobs


REFUSED: dict[str, tuple[object, dict[str, str], str, str]] = {
    "an unknown strategy": (
        None,
        {"strategy": "best"},
        "x-perpetuo-strategy",
        "default, fastest, cheapest, reliable, balanced",
    ),
    "an unknown stream mode": (None, {"stream-mode": "x"}, "x-perpetuo-stream-mode", "direct, buffered, continue"),
    "a flag that is neither": (None, {"strict": "maybe"}, "x-perpetuo-strict", "must be true or false, but is 'maybe'"),
    "tags without a name": (None, {"tags": "=x"}, "x-perpetuo-tags", "like 'team=search"),
    "a cache word": (
        None,
        {"cache": "always"},
        "x-perpetuo-cache",
        "default, semantic, no-cache, no-store or max-age=SE",
    ),
    "a cache word in the body": ({"cache": "always"}, {}, "gateway.cache", "max-age=SECONDS, but is 'always'"),
    "an age without seconds": ({"cache": "max-age="}, {}, "gateway.cache", "max-age=SECONDS"),
    "a negative age": ({"cache": "max-age=-1"}, {}, "gateway.cache", "max-age=SECONDS"),
    "an age of odd digits": ({"cache": "max-age=\u0663"}, {}, "gateway.cache", "max-age=SECONDS"),
}


@pytest.mark.parametrize(("gateway", "headers", "param", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_refuses(gateway: object, headers: dict[str, str], param: str, message: str) -> None:
    with pytest.raises(RequestInvalid) as refused:
        knobs_from(request_with(gateway), headers)
    assert refused.value.param == param
    assert message in refused.value.message
