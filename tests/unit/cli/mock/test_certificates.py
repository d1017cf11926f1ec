"""Certificates that a client takes, and others that it refuses."""

import ssl

import pytest

from cli.mock.certificates import Authority


def shake_hands(part: str) -> None:
    """A handshake in memory, by a client that trusts the authority and calls localhost. Raises ssl.SSLError."""
    authority = Authority()
    trust = ssl.create_default_context(cadata=authority.pem.decode())
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trust.wrap_bio(to_client, to_server, server_hostname="localhost")
    server = authority.context(part).wrap_bio(to_server, to_client, server_side=True)
    for side in (client, server, client, server, client):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue


def test_a_good_certificate_is_taken() -> None:
    shake_hands("tls")


@pytest.mark.parametrize(
    ("part", "why"),
    [("tls-expired", "expired"), ("tls-wrong-name", "not valid for"), ("tls-self-signed", "self-signed")],
)
def test_others_are_refused(part: str, why: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match=why):
        shake_hands(part)
