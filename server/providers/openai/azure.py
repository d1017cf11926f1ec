"""Azure OpenAI: where its resources are, and the ways in which they let one in.

An address that ends in `/openai/v1` is the surface that has one address for all models, and no version. Any other is
the older one: the deployment stands in the path and the version in the query. A credential is a key, a token, or an
application of Entra, for which a token is asked. Facts: the vendor's reference, and its client in OpenAI's SDK.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from msgspec import Struct

from server.chat.deployment import Deployment
from server.chat.wire import WireRequest
from server.errors import RequestInvalid
from server.providers.credential import KEY, CredentialForm
from server.providers.openai.access import Pass

FORM: Final = CredentialForm(
    ways=((KEY,), ("token",), ("tenant_id", "client_id", "client_secret")),
    optional=("api_version", "authority", "scope"),
    shown=("client_id",),
)

API_VERSION: Final = "2024-10-21"
"""The newest version of the older surface that is not a preview."""
AUTHORITY: Final = "https://login.microsoftonline.com"
SCOPE: Final = "https://cognitiveservices.azure.com/.default"

_V1: Final = "/openai/v1"
_OLDER: Final = "/openai"
_VERSION: Final = re.compile(r"(?:preview|latest|v1|20\d\d-\d\d-\d\d(?:-preview)?)\Z")
_TENANT: Final = re.compile(r"[A-Za-z0-9.-]+\Z")
_AUTHORITY: Final = re.compile(r"(?P<scheme>https?)://[A-Za-z0-9.-]+(?::\d+)?/?\Z")


class AzureAccess(Struct, frozen=True):
    """See `Access`."""

    def url(self, deployment: Deployment, path: str, model: str = "") -> str:
        """See `Access.url`. Names of deployments are escaped as a whole."""
        version = _members(deployment).get("api_version", "")
        base_url = deployment.base_url
        if base_url.endswith(_V1):
            return f"{base_url}{path}" + (f"?api-version={version}" if version else "")
        place = f"/deployments/{quote(model, safe='')}" if model else ""
        return f"{base_url.removesuffix(_OLDER)}{_OLDER}{place}{path}?api-version={version or API_VERSION}"

    def credential(self, deployment: Deployment) -> Pass:
        """See `Access.credential`."""
        members = _members(deployment)
        if KEY in members:
            return Pass({"api-key": members[KEY]})
        if "token" in members:
            return Pass({"Authorization": f"Bearer {members['token']}"})
        return Pass(grant=_grant(members)) if members else Pass()


class AzureCredential(Struct, frozen=True):
    """The rules for the credential of an entry."""

    def check(self, base_url: str, api_key: str) -> None:
        """Raises RequestInvalid for a credential or an address that no request could be made of."""
        members = FORM.read(api_key)
        path = urlsplit(base_url).path
        if "/deployments/" in path:
            raise RequestInvalid(
                "base_url must end before '/deployments': the deployment is the model that is asked for.",
                param="base_url",
            )
        version = members.get("api_version", API_VERSION)
        if not _VERSION.match(version):
            raise _wrong("api_version", "a version as 2024-10-21, 2025-04-01-preview or preview")
        if not _TENANT.match(members.get("tenant_id", "a")):
            raise _wrong("tenant_id", "the id or the domain of a tenant")
        authority = _AUTHORITY.match(members.get("authority", AUTHORITY))
        is_safe = authority is not None and (authority["scheme"] == "https" or base_url.startswith("http:"))
        if not is_safe:
            raise _wrong("authority", f"a host as {AUTHORITY}, with https")

    def shown(self, api_key: str) -> str:
        """What of the credential may be shown once its middle is left out."""
        members = FORM.read(api_key)
        return members.get("client_id") or members.get(KEY) or members.get("token", "")


def _members(deployment: Deployment) -> Mapping[str, str]:
    return FORM.read(deployment.api_key) if deployment.api_key else {}


def _grant(members: Mapping[str, str]) -> WireRequest:
    """What is asked for a token: OAuth's grant for the credentials of a client."""
    authority = members.get("authority", AUTHORITY).rstrip("/")
    asked = {
        "client_id": members["client_id"],
        "client_secret": members["client_secret"],
        "scope": members.get("scope", SCOPE),
        "grant_type": "client_credentials",
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    url = f"{authority}/{members['tenant_id']}/oauth2/v2.0/token"
    return WireRequest("POST", url, headers, urlencode(asked).encode())


def _wrong(member: str, is_to_be: str) -> RequestInvalid:
    return RequestInvalid(f"The member '{member}' of api_key must be {is_to_be}.", param="api_key")
