"""Upstreams and transports for the tests of this folder."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cli.mock.upstream import MockUpstream
from server.upstream.client import HttpTransport


@pytest.fixture
async def mock() -> AsyncIterator[MockUpstream]:
    """A mock upstream of its own for each test."""
    async with MockUpstream() as running:
        yield running


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    """A transport that may go to loopback."""
    made = HttpTransport(allow_private_upstreams=True)
    yield made
    await made.close()


def _certificate(
    name: str, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None, days: int
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=10))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .sign(issuer[1] if issuer else key, hashes.SHA256())
    )
    return built, key


@pytest.fixture(scope="session")
def tls_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `ca.pem` and servers' certificates with their keys: good, expired, other-name, self-signed."""
    folder = tmp_path_factory.mktemp("tls")
    authority = _certificate("ca.example", None, 10)
    (folder / "ca.pem").write_bytes(authority[0].public_bytes(serialization.Encoding.PEM))
    servers = {
        "good": _certificate("a.example", authority, 10),
        "expired": _certificate("a.example", authority, -1),
        "other-name": _certificate("b.example", authority, 10),
        "self-signed": _certificate("a.example", None, 10),
    }
    for name, (certificate, key) in servers.items():
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / f"{name}.pem").write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return folder
