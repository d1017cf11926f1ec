"""Tokens: ours are read, everything that is not exactly ours is refused."""

import base64
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from server.accounts.tokens import LIFETIME_S, Tokens
from server.errors import TokenInvalid

KEY = bytes(range(32))


def claims(**changes: Any) -> dict[str, Any]:
    now_us = time.time_ns() // 1000
    now_s = now_us // 1_000_000
    good = {
        "iss": "perpetuo",
        "aud": "perpetuo",
        "sub": "usr_1",
        "iat": now_s,
        "exp": now_s + LIFETIME_S,
        "jti": "tok_1",
        "typ": "access",
        "iat_us": now_us,
    }
    changed = good | changes
    return {name: value for name, value in changed.items() if value is not ...}


def at(seconds: float) -> dict[str, Any]:
    """The claims of a token that was made so many seconds from now."""
    made_us = time.time_ns() // 1000 + int(seconds * 1_000_000)
    made_s = made_us // 1_000_000
    return claims(iat=made_s, exp=made_s + LIFETIME_S, iat_us=made_us)


def signed(payload: dict[str, Any], headers: dict[str, Any] | None = None, key: bytes = KEY) -> str:
    return jwt.encode(payload, key, algorithm="HS256", headers=headers)


def raw(header: bytes, payload: bytes, key: bytes = KEY) -> str:
    """A token of any bytes, rightly signed."""
    body = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (header, payload))
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(body, key)
    return (body + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def unsigned(algorithm: str) -> str:
    header, payload = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in ({"alg": algorithm, "typ": "JWT"}, claims())
    )
    return f"{header}.{payload}."


HEADER = b'{"alg":"HS256","typ":"JWT"}'


def test_a_token_says_whose_it_is_and_until_when() -> None:
    before = datetime.now(UTC)
    found = Tokens(KEY).verify(Tokens(KEY).issue("usr_1"))
    assert found.user_id == "usr_1"
    assert found.token_id.startswith("tok_")
    assert before <= found.issued_at <= datetime.now(UTC)
    assert timedelta(hours=23, minutes=59, seconds=58) < found.expires_at - found.issued_at <= timedelta(hours=24)


def test_no_two_tokens_are_the_same() -> None:
    tokens = Tokens(KEY)
    assert tokens.issue("usr_1") != tokens.issue("usr_1")


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: signed(claims()), id="one made by hand as we make them"),
        pytest.param(lambda: raw(HEADER, json.dumps(claims()).encode()), id="one whose members are spelt with spaces"),
        pytest.param(lambda: signed(at(25)), id="one from a clock that is 25 s ahead"),
        pytest.param(lambda: signed(at(-LIFETIME_S - 25)), id="one that ended 25 s ago"),
    ],
)
def test_what_is_ours_in_substance_is_read(make: Callable[[], str]) -> None:
    assert Tokens(KEY).verify(make()).user_id == "usr_1"


@pytest.mark.parametrize("algorithm", ["none", "None", "nOnE", "NONE", "HS256", "hs256", ""])
def test_a_token_without_a_signature_is_refused(algorithm: str) -> None:
    with pytest.raises(TokenInvalid):
        Tokens(KEY).verify(unsigned(algorithm))


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_length_of_hmac_is_refused(algorithm: str) -> None:
    with pytest.raises(TokenInvalid):
        Tokens(KEY).verify(jwt.encode(claims(), bytes(range(64)), algorithm=algorithm))


def test_asymmetric_signatures_are_refused() -> None:
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    ec_key = ec.generate_private_key(ec.SECP256R1())
    for token in (
        jwt.encode(claims(), rsa_key, algorithm="RS256"),
        jwt.encode(claims(), rsa_key, algorithm="PS256"),
        jwt.encode(claims(), ec_key, algorithm="ES256"),
    ):
        with pytest.raises(TokenInvalid):
            Tokens(KEY).verify(token)


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({"jku": "https://evil.example/keys"}, id="a key set elsewhere"),
        pytest.param({"jwk": {"kty": "oct", "k": "AAAA"}}, id="a key of its own"),
        pytest.param({"x5u": "https://evil.example/cert"}, id="a certificate elsewhere"),
        pytest.param({"kid": "../../dev/null"}, id="a path for a key id"),
        pytest.param({"kid": "' OR 1=1"}, id="SQL for a key id"),
        pytest.param({"crit": ["exp"]}, id="a critical extension"),
        pytest.param({"typ": "at+jwt"}, id="another type"),
        pytest.param({"typ": None}, id="no type"),
        pytest.param({"b64": False}, id="an unencoded payload"),
    ],
)
def test_a_header_that_we_do_not_write_is_refused_even_when_signed(header: dict[str, Any]) -> None:
    with pytest.raises(TokenInvalid):
        Tokens(KEY).verify(signed(claims(), header))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({name: ...}, id=f"without {name}")
        for name in ("iss", "aud", "sub", "iat", "exp", "jti", "typ", "iat_us")
    ]
    + [
        pytest.param({"iss": "other"}, id="another issuer"),
        pytest.param({"aud": "other"}, id="another audience"),
        pytest.param({"aud": ["perpetuo"]}, id="a list of audiences"),
        pytest.param({"typ": "refresh"}, id="another kind of token"),
        pytest.param({"sub": 1}, id="a number for a user"),
        pytest.param({"jti": None}, id="null for an id"),
        pytest.param({"exp": 2**62}, id="an end in a far future"),
        pytest.param({"exp": 10**400}, id="an end beyond numbers"),
        pytest.param({"exp": float(2**40)}, id="a fraction for an end"),
        pytest.param({"exp": "99999999999"}, id="a text for an end"),
        pytest.param({"exp": True}, id="a truth for an end"),
        pytest.param({"iat": 0}, id="a beginning that does not fit"),
        pytest.param({"iat_us": 0}, id="microseconds that do not fit"),
        pytest.param({"nbf": 0}, id="a claim that we do not write"),
        pytest.param({"admin": True}, id="a privilege"),
    ],
)
def test_claims_that_we_do_not_write_are_refused_even_when_signed(change: dict[str, Any]) -> None:
    with pytest.raises(TokenInvalid):
        Tokens(KEY).verify(signed(claims(**change)))


@pytest.mark.parametrize(
    ("seconds", "message"),
    [
        pytest.param(-LIFETIME_S - 35, "has expired", id="ended 35 s ago"),
        pytest.param(-10 * LIFETIME_S, "has expired", id="ended long ago"),
        pytest.param(40, "not one of ours", id="made in 40 s"),
    ],
)
def test_a_token_out_of_its_time_is_refused(seconds: float, message: str) -> None:
    with pytest.raises(TokenInvalid, match=message):
        Tokens(KEY).verify(signed(at(seconds)))


def _duplicated() -> str:
    payload = json.dumps(claims()).encode()
    return raw(HEADER, payload[:-1] + b',"sub":"usr_2"}')


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: "", id="nothing"),
        pytest.param(lambda: "a.b.c", id="three letters"),
        pytest.param(lambda: "." * 100, id="dots"),
        pytest.param(lambda: "a" * 1_000_000, id="a megabyte"),
        pytest.param(lambda: signed(claims(sub="x" * 1_000_000)), id="a megabyte that is signed"),
        pytest.param(lambda: signed(claims(), key=KEY[::-1]), id="another key"),
        pytest.param(lambda: signed(claims())[:-1], id="a character less"),
        pytest.param(lambda: signed(claims()) + "A", id="a character more"),
        pytest.param(lambda: signed(claims()) + "\n", id="a line break more"),
        pytest.param(lambda: signed(claims()) + "=", id="padding"),
        pytest.param(lambda: " " + signed(claims()), id="a space before"),
        pytest.param(lambda: "Bearer " + signed(claims()), id="the scheme before"),
        pytest.param(lambda: signed(claims()).replace(".", "..", 1), id="an empty part"),
        pytest.param(_duplicated, id="a member twice, rightly signed"),
        pytest.param(lambda: raw(HEADER, b"[]"), id="a list for claims"),
        pytest.param(lambda: raw(HEADER, b"null"), id="null for claims"),
        pytest.param(lambda: raw(HEADER, b"[" * 1000), id="a deep list, cut"),
        pytest.param(lambda: raw(HEADER, b'{"sub":"\xff"}'), id="bytes that are not UTF-8"),
        pytest.param(lambda: raw(b"{}", b"{}"), id="an empty header"),
        pytest.param(lambda: raw(b'{"alg":"HS256","alg":"none","typ":"JWT"}', b"{}"), id="two algorithms"),
        pytest.param(lambda: "é" + signed(claims())[1:], id="a letter beyond ASCII"),
    ],
)
def test_what_is_not_a_token_of_ours_is_refused(make: Callable[[], str]) -> None:
    with pytest.raises(TokenInvalid):
        Tokens(KEY).verify(make())


def test_every_change_of_one_character_is_refused_or_means_the_same() -> None:
    token = Tokens(KEY).issue("usr_1")
    expected = Tokens(KEY).verify(token)
    for index in range(len(token)):
        changed = token[:index] + ("A" if token[index] != "A" else "B") + token[index + 1 :]
        try:
            found = Tokens(KEY).verify(changed)
        except TokenInvalid:
            continue
        # The last character of a signature has two bits that mean nothing.
        assert (found, index) == (expected, len(token) - 1)
