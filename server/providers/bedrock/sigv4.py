"""Amazon's signature of requests, version 4 (`AWS4-HMAC-SHA256`).

Pure: the time is an argument. What is signed is the method, the path, the query, the host, the time, the headers that
`sign` is told of and the body's hash. Facts from the vendor's documentation of Signature Version 4.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlsplit

from msgspec.structs import replace

from server.chat.wire import WireRequest

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_TERMINATOR: Final = "aws4_request"
_UNSIGNED: Final = frozenset({"connection", "expect", "te", "traceparent", "tracestate", "upgrade", "user-agent"})
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs, and for what: `region` and `service` as `us-east-1` and `bedrock`."""

    access_key_id: str
    region: str
    service: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)

    def sign(self, request: WireRequest, now_s: float) -> WireRequest:
        """The request with its signature in `Authorization`; `now_s` is in seconds since 1970."""
        moment = datetime.fromtimestamp(now_s, UTC)
        headers = dict(request.headers) | {"X-Amz-Date": f"{moment:%Y%m%dT%H%M%SZ}"}
        if self.session_token:
            headers["X-Amz-Security-Token"] = self.session_token
        signed = _signed_headers(request.url, headers)
        canonical = _canonical(request, signed)
        scope = f"{moment:%Y%m%d}/{self.region}/{self.service}/{_TERMINATOR}"
        to_sign = f"{_ALGORITHM}\n{moment:%Y%m%dT%H%M%SZ}\n{scope}\n{_sha256(canonical.encode())}"
        signature = hmac.new(self._key(f"{moment:%Y%m%d}"), to_sign.encode(), hashlib.sha256).hexdigest()
        headers["Authorization"] = (
            f"{_ALGORITHM} Credential={self.access_key_id}/{scope}, "
            f"SignedHeaders={';'.join(signed)}, Signature={signature}"
        )
        return replace(request, headers=headers, sign=None)

    def _key(self, day: str) -> bytes:
        key = f"AWS4{self.secret_access_key}".encode()
        for part in (day, self.region, self.service, _TERMINATOR):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return key


def _signed_headers(url: str, headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that are signed, by their names in lower case, in order."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    if parts.port not in (None, _DEFAULT_PORTS.get(parts.scheme)):
        host += f":{parts.port}"
    named = {name.lower(): " ".join(value.split()) for name, value in headers.items()} | {"host": host}
    return {name: named[name] for name in sorted(named) if name not in _UNSIGNED}


def _canonical(request: WireRequest, signed: Mapping[str, str]) -> str:
    parts = urlsplit(request.url)
    lines = [
        request.method,
        # The path is on the wire with its escapes, and is escaped once more here.
        quote(parts.path or "/", safe="/~"),
        _canonical_query(parts.query),
        *(f"{name}:{value}" for name, value in signed.items()),
        "",
        ";".join(signed),
        _sha256(request.body),
    ]
    return "\n".join(lines)


def _canonical_query(query: str) -> str:
    pairs = sorted(pair.partition("=")[::2] for pair in query.split("&") if pair)
    return "&".join(f"{name}={value}" for name, value in pairs)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
