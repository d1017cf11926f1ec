"""Tokens of signed-in users: JSON Web Tokens (RFC 7519) signed with HS256, made and read.

Strict on purpose: one algorithm, one header, exactly our claims with exactly our types, nothing twice. Whether a token
was revoked since is not known here (`sessions` asks the database).
"""

import base64
import json
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from jwt.api_jwt import PyJWT
from jwt.exceptions import ExpiredSignatureError, InvalidTokenError
from jwt.types import Options
from msgspec import Struct

from server.chat.ids import new_id
from server.errors import TokenInvalid

LIFETIME_S = 24 * 3600

_ALGORITHM = "HS256"
_HEADER = {"alg": _ALGORITHM, "typ": "JWT"}
_PARTY = "perpetuo"
_KIND = "access"
_LEEWAY_S = 30
_MAX_CHARS = 2048
_CLAIMS = {"iss": str, "aud": str, "sub": str, "iat": int, "exp": int, "jti": str, "typ": str, "iat_us": int}
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]{43}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TokenClaims(Struct, frozen=True):
    """What a token says: whose it is, its own id, when it was made (to the microsecond) and when it ends."""

    user_id: str
    token_id: str
    issued_at: datetime
    expires_at: datetime


class Tokens:
    """Makes and reads tokens with a key of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._tokens = PyJWT()

    def issue(self, user_id: str, issued_at: datetime | None = None) -> str:
        """A token for a user, valid for 24 hours from `issued_at`, which is now unless something is older.

        Whoever checks a user and then issues a token gives the moment before the check: should the user's tokens be
        revoked in between, this one is too.
        """
        issued_us = time.time_ns() // 1000 if issued_at is None else (issued_at - _EPOCH) // timedelta(microseconds=1)
        issued_s = issued_us // 1_000_000
        claims = {
            "iss": _PARTY,
            "aud": _PARTY,
            "sub": user_id,
            "iat": issued_s,
            "exp": issued_s + LIFETIME_S,
            "jti": new_id("tok_"),
            "typ": _KIND,
            "iat_us": issued_us,
        }
        return self._tokens.encode(claims, self._key, algorithm=_ALGORITHM)

    def verify(self, token: str) -> TokenClaims:
        """What a token of ours says. Raises TokenInvalid for everything else, and for one that has expired.

        Clocks may differ by 30 seconds.
        """
        if len(token) > _MAX_CHARS or not _SHAPE.fullmatch(token):
            raise _refused()
        header, payload, _ = token.split(".")
        if _members(header) != _HEADER:
            raise _refused()
        _check_claims(_members(payload))
        try:
            claims = self._tokens.decode(
                token,
                self._key,
                algorithms=[_ALGORITHM],
                options=Options(require=list(_CLAIMS), strict_aud=True, enforce_minimum_key_length=True),
                audience=_PARTY,
                issuer=_PARTY,
                leeway=_LEEWAY_S,
            )
        except ExpiredSignatureError as error:
            raise TokenInvalid("The token has expired; log in again.") from error
        except InvalidTokenError as error:
            raise _refused() from error
        return TokenClaims(
            user_id=claims["sub"],
            token_id=claims["jti"],
            issued_at=_EPOCH + timedelta(microseconds=claims["iat_us"]),
            expires_at=_EPOCH + timedelta(seconds=claims["exp"]),
        )


def _check_claims(claims: dict[str, Any]) -> None:
    """Raises TokenInvalid unless the claims are those that `issue` writes, each of its type and fitting the others."""
    if claims.keys() != _CLAIMS.keys() or any(type(claims[name]) is not kind for name, kind in _CLAIMS.items()):
        raise _refused()
    if claims["typ"] != _KIND or claims["exp"] - claims["iat"] != LIFETIME_S:
        raise _refused()
    if claims["iat_us"] // 1_000_000 != claims["iat"]:
        raise _refused()


def _members(segment: str) -> dict[str, Any]:
    """The JSON object in a segment of a token. Raises TokenInvalid, also for a member that is there twice."""
    try:
        members = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise _refused() from error
    if not isinstance(members, dict):
        raise _refused()
    return members


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is there twice")
    return members


def _refused() -> TokenInvalid:
    return TokenInvalid("The token is not one of ours, or was cut short; log in to get one.")
