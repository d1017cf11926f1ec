"""Credentials, regions and addresses."""

from dataclasses import replace

import pytest

from server.chat.deployment import Deployment
from server.chat.wire import WireRequest
from server.errors import RequestInvalid
from server.providers.bedrock.access import BedrockCredential, headers_of, model_url, models_url

RUNTIME = "https://bedrock-runtime.eu-central-1.amazonaws.com"
PAIR = "access_key_id=AKIA1;secret_access_key=abc"
RULES = BedrockCredential()


def entry(api_key: str, base_url: str = RUNTIME) -> Deployment:
    return Deployment("prov_1", "ws_1", "any", base_url, api_key)


@pytest.mark.parametrize(
    ("base_url", "api_key"),
    [
        (RUNTIME, "ABSKQmVk="),
        (RUNTIME, PAIR),
        (RUNTIME, f"{PAIR};session_token=a=="),
        ("https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com", PAIR),
        ("https://vpce-0a.bedrock-runtime.us-east-1.vpce.amazonaws.com", PAIR),
        ("https://proxy.example.com/aws", f"{PAIR};region=us-east-1"),
        ("https://proxy.example.com/aws", "ABSKQmVk="),
    ],
)
def test_takes(base_url: str, api_key: str) -> None:
    RULES.check(base_url, api_key)


@pytest.mark.parametrize(
    ("base_url", "api_key", "says"),
    [
        ("https://proxy.example.com/aws", PAIR, "add ';region=REGION'"),
        ("https://bedrock-runtime", PAIR, "add ';region=REGION'"),
        (RUNTIME, "access_key_id=AKIA1", "secret_access_key"),
    ],
    ids=["a host that does not tell the region", "a host that ends too early", "half a credential"],
)
def test_refuses_and_says_what_to_do(base_url: str, api_key: str, says: str) -> None:
    with pytest.raises(RequestInvalid, match=says) as caught:
        RULES.check(base_url, api_key)
    assert caught.value.param == "api_key"


def test_what_may_be_shown_is_no_secret() -> None:
    assert RULES.shown(PAIR) == "AKIA1"
    assert RULES.shown("ABSKQmVk=") == "ABSKQmVk="


@pytest.mark.parametrize(
    ("base_url", "more", "region"),
    [(RUNTIME, "", "eu-central-1"), ("https://vpce-0a.bedrock-runtime.us-east-1.vpce.amazonaws.com", "", "us-east-1"),
     (RUNTIME, ";region=us-west-2", "us-west-2")],
    ids=["of the host", "of a private host", "of the credential"],
)  # fmt: skip
def test_signs_for_the_region(base_url: str, more: str, region: str) -> None:
    headers, sign = headers_of(entry(PAIR + more, base_url))
    assert headers == {}
    assert sign is not None
    signed = sign(WireRequest("POST", f"{base_url}/model/a/converse", {}, b"{}"), 0.0)
    assert f"Credential=AKIA1/19700101/{region}/bedrock/aws4_request" in signed.headers["Authorization"]


def test_a_session_goes_along_and_a_plain_key_is_a_bearer() -> None:
    _, sign = headers_of(entry(f"{PAIR};session_token=tok=="))
    assert sign is not None
    assert sign(WireRequest("GET", RUNTIME, {}, b""), 0.0).headers["X-Amz-Security-Token"] == "tok=="
    assert headers_of(entry("ABSK")) == ({"Authorization": "Bearer ABSK"}, None)
    assert headers_of(replace(entry(""), api_key="")) == ({}, None)


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("amazon.nova-pro-v1:0", "/model/amazon.nova-pro-v1%3A0/converse"),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/a",
         "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fa/converse"),
        ("a/../b?c#d", "/model/a%2F..%2Fb%3Fc%23d/converse"),
    ],
)  # fmt: skip
def test_a_model_is_one_segment_of_the_path_whatever_it_is_called(model: str, path: str) -> None:
    assert model_url(entry("k"), model, is_stream=False) == RUNTIME + path
    assert model_url(entry("k"), model, is_stream=True) == RUNTIME + path + "-stream"


def test_models_are_listed_at_the_service_beside() -> None:
    assert models_url(entry("k")) == "https://bedrock.eu-central-1.amazonaws.com/foundation-models"
    assert models_url(entry("k", "https://proxy.example.com/aws")) == "https://proxy.example.com/aws/foundation-models"
