"""Asks a provider whether it takes a credential, by one request that costs nothing. The body is never read."""

from collections.abc import Callable
from typing import Final

from server.chat.deployment import Deployment
from server.chat.wire import Timeouts, Transport
from server.errors import PerpetuoError, UpstreamBadResponse
from server.providers.dialect import Dialect

_OF_PROVIDERS: Final = "UPSTREAM_"


class CredentialCheck:
    """Checks credentials over a transport, within the timeouts."""

    def __init__(self, transport: Transport, dialect_of: Callable[[str], Dialect], timeouts: Timeouts) -> None:
        self._transport = transport
        self._dialect_of = dialect_of
        self._timeouts = timeouts

    async def __call__(self, deployment: Deployment) -> str | None:
        """None when the provider takes the credential, else the reason why not: one of UPSTREAM_…"""
        dialect = self._dialect_of(deployment.provider)
        try:
            response = await self._transport.send(dialect.check(deployment), self._timeouts)
        except PerpetuoError as error:
            return error.reason
        try:
            is_json = "json" in response.headers.get("content-type", "").lower()
            if 200 <= response.status < 300:
                return None if is_json else UpstreamBadResponse.reason
            reason = dialect.error(response.status, response.headers, b"").reason
        finally:
            await response.close()
        # A reason that blames the request means that this is not the API that was expected.
        return reason if reason.startswith(_OF_PROVIDERS) else UpstreamBadResponse.reason
