"""Certificates of a throw-away authority, good and bad, for a mock that speaks TLS. Made anew at every start."""

import tempfile
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_DAYS: Final = 10
_Signed = tuple[x509.Certificate, EllipticCurvePrivateKey]


class Authority:
    """Signs certificates; `pem` is what a client has to trust."""

    def __init__(self) -> None:
        self._own = _signed("Mock authority", None, _DAYS, is_authority=True)
        self.pem = self._own[0].public_bytes(Encoding.PEM)

    def context(self, part: str) -> SSLContext:
        """The server's side of TLS for `tls`, `tls-expired`, `tls-wrong-name` or `tls-self-signed`."""
        name = "elsewhere.example" if part == "tls-wrong-name" else "localhost"
        issuer = None if part == "tls-self-signed" else self._own
        certificate, key = _signed(name, issuer, -1 if part == "tls-expired" else _DAYS)
        context = SSLContext(PROTOCOL_TLS_SERVER)
        with tempfile.TemporaryDirectory() as folder:
            chain = Path(folder) / "chain.pem"
            private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            chain.write_bytes(private + certificate.public_bytes(Encoding.PEM))
            context.load_cert_chain(chain)
        return context


def _signed(name: str, issuer: _Signed | None, days: int, *, is_authority: bool = False) -> _Signed:
    """A certificate that ends `days` from now; signed by itself without an issuer."""
    key = generate_private_key(SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names: list[x509.GeneralName] = [x509.DNSName(name)]
    if name == "localhost":
        names.append(x509.IPAddress(IPv4Address("127.0.0.1")))
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=_DAYS))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if not is_authority:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256()), key
