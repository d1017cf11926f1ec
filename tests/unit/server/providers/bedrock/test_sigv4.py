"""Signatures are those that the vendor's own library makes, for whatever request."""

import string
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from server.chat.wire import WireRequest
from server.providers.bedrock.sigv4 import Signer

NOW_S = 1_763_800_000.75
SIGNER = Signer("AKIDEXAMPLE", "us-east-1", "bedrock", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")


def theirs(signer: Signer, request: WireRequest, now_s: float) -> str:
    """The `Authorization` that botocore makes."""
    credentials = Credentials(signer.access_key_id, signer.secret_access_key, signer.session_token or None)
    auth = SigV4Auth(credentials, signer.service, signer.region)
    signed = AWSRequest(request.method, request.url, dict(request.headers), request.body)
    signed.context["timestamp"] = f"{datetime.fromtimestamp(now_s, UTC):%Y%m%dT%H%M%SZ}"
    auth._modify_request_before_signing(signed)
    canonical = auth.canonical_request(signed)
    auth._inject_signature_to_request(signed, auth.signature(auth.string_to_sign(signed, canonical), signed))
    made: str = signed.headers["Authorization"]
    return made


def request(url: str, body: bytes = b"{}", **headers: str) -> WireRequest:
    return WireRequest("POST", url, {"Content-Type": "application/json", **headers}, body)


TABLE = [
    "https://bedrock-runtime.us-east-1.amazonaws.com/model/amazon.nova-pro-v1%3A0/converse",
    "https://bedrock-runtime.us-east-1.amazonaws.com/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx/converse",
    "https://bedrock-runtime.us-east-1.amazonaws.com:8443/model/a~b_c-d.e/converse-stream",
    "http://127.0.0.1:80/model/a/converse",
    "http://127.0.0.1:4566/base/model/a/converse",
    "http://[::1]:4566/model/a/converse",
    "https://bedrock.us-east-1.amazonaws.com/foundation-models?byProvider=a&byOutputModality=TEXT&b=",
    "https://bedrock.us-east-1.amazonaws.com",
]


@pytest.mark.parametrize("token", ["", "FwoGZXIvYXdzEB0aD+/="], ids=["lasting", "of a session"])
@pytest.mark.parametrize("url", TABLE)
def test_signs_as_the_vendors_library_does(url: str, token: str) -> None:
    signer, asked = replace(SIGNER, session_token=token), request(url)
    signed = signer.sign(asked, NOW_S)
    assert signed.headers["Authorization"] == theirs(signer, asked, NOW_S)
    assert signed.headers["X-Amz-Date"] == "20251122T082640Z"
    assert signed.headers.get("X-Amz-Security-Token", "") == token
    assert (signed.body, signed.url, signed.sign) == (asked.body, asked.url, None)


WORDS = st.text(string.ascii_letters + string.digits + "-", min_size=1, max_size=12)
MODELS = st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1)


@given(
    model=MODELS.filter(lambda text: text not in {".", ".."}),
    method=st.sampled_from(["GET", "POST"]),
    body=st.binary(max_size=200),
    headers=st.dictionaries(WORDS.map(lambda word: f"X-Amzn-{word}"), st.text(string.printable[:95], max_size=20)),
    now_s=st.floats(0, 4e9),
    names=st.tuples(WORDS, WORDS, WORDS, WORDS, st.one_of(st.just(""), WORDS)),
)
def test_signs_any_request_as_the_vendors_library_does(
    model: str, method: str, body: bytes, headers: dict[str, str], now_s: float, names: tuple[str, str, str, str, str]
) -> None:
    signer = Signer(*names)
    url = f"https://bedrock-runtime.eu-central-1.amazonaws.com/model/{quote(model, safe='')}/converse"
    lowered = {name.lower(): value for name, value in headers.items()}
    asked = WireRequest(method, url, {"Accept": "application/json", **lowered}, body)
    assert signer.sign(asked, now_s).headers["Authorization"] == theirs(signer, asked, now_s)


def test_signing_again_takes_the_new_time_and_nothing_of_the_old_signature() -> None:
    first = SIGNER.sign(request(TABLE[0]), NOW_S)
    again = SIGNER.sign(request(TABLE[0]), NOW_S + 60)
    assert first.headers["Authorization"] != again.headers["Authorization"]
    assert again.headers["Authorization"] == theirs(SIGNER, request(TABLE[0]), NOW_S + 60)


def test_secrets_are_not_shown() -> None:
    assert "wJalr" not in repr(SIGNER)
    assert "FwoG" not in repr(replace(SIGNER, session_token="FwoGZX"))
