"""Secrets of gateway keys: unguessable, checkable without a look-up, hashed as RFC 2104 says."""

import hmac
import re

import pytest

from server.accounts.gateway_keys import KeyHasher, KeyPrefix, is_well_formed, new_secret, shown_prefix


@pytest.mark.parametrize("prefix", ["pk", "gw"])
def test_a_secret_has_its_prefix_and_190_random_bits(prefix: KeyPrefix) -> None:
    secrets = {new_secret(prefix) for _ in range(1000)}
    assert len(secrets) == 1000
    assert all(re.fullmatch(rf"{prefix}_[0-9A-Za-z]{{38}}", secret) for secret in secrets)
    assert all(is_well_formed(secret) for secret in secrets)


def test_every_typo_of_one_character_is_seen() -> None:
    secret = new_secret("gw")
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    for index in range(3, len(secret)):
        for character in alphabet:
            if character != secret[index]:
                assert not is_well_formed(secret[:index] + character + secret[index + 1 :])


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("pk_demo", id="the demo key"),
        pytest.param(new_secret("pk")[:-1], id="cut short"),
        pytest.param(new_secret("pk") + "a", id="one character more"),
        pytest.param(new_secret("pk") + "\n", id="a line break more"),
        pytest.param("gw" + new_secret("pk")[2:], id="the other prefix"),
        pytest.param("sk" + new_secret("pk")[2:], id="a stranger's prefix"),
        pytest.param("pk_" + "é" * 38, id="letters beyond ASCII"),
    ],
)
def test_what_is_not_one_of_ours_is_not_well_formed(text: str) -> None:
    assert not is_well_formed(text)


@pytest.mark.parametrize("pepper", [b"", b"short", bytes(range(32)), bytes(range(64))])
@pytest.mark.parametrize("secret", ["", "gw_abc", "x" * 1000, "half \ud83d"])
def test_the_hash_is_hmac_sha256(pepper: bytes, secret: str) -> None:
    expected = hmac.digest(pepper, secret.encode("utf-8", "surrogatepass"), "sha256")
    assert KeyHasher(pepper).digest(secret) == expected


def test_a_pepper_longer_than_a_block_is_refused() -> None:
    with pytest.raises(ValueError, match="one block"):
        KeyHasher(bytes(65))


def test_the_shown_prefix_is_the_documented_one() -> None:
    assert shown_prefix("gw_abc12xyz" + "0" * 30) == "gw_abc12..."
