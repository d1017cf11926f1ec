"""Who asks, and where: the credential of a Bedrock entry, its region, and its addresses.

A credential is an API key of Bedrock's own, which goes as a bearer, or an access key, with which requests are signed.
The region stands in the host (`bedrock-runtime.REGION.amazonaws.com`), or for hosts that do not tell it in the
credential.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, urlsplit

from msgspec import Struct

from server.chat.deployment import Deployment
from server.chat.wire import Sign
from server.errors import RequestInvalid
from server.providers.bedrock.sigv4 import Signer
from server.providers.credential import KEY, CredentialForm

SERVICE: Final = "bedrock"

FORM: Final = CredentialForm(
    ways=((KEY,), ("access_key_id", "secret_access_key")),
    optional=("session_token", "region"),
    shown=("access_key_id",),
)

_RUNTIME: Final = "bedrock-runtime"
_CONTROL: Final = "bedrock"


class BedrockCredential(Struct, frozen=True):
    """The rules for the credential of an entry."""

    def check(self, base_url: str, api_key: str) -> None:
        """Raises RequestInvalid for a credential that is malformed, or whose requests nobody could sign."""
        members = FORM.read(api_key)
        if KEY not in members and not _region(base_url, members):
            raise RequestInvalid(
                "The base_url does not tell the region that requests are signed for; add ';region=REGION' to api_key.",
                param="api_key",
            )

    def shown(self, api_key: str) -> str:
        """What of the credential may be shown once its middle is left out."""
        return FORM.shown_of(api_key)


def headers_of(deployment: Deployment) -> tuple[dict[str, str], Sign | None]:
    """The headers that a credential goes in, or who signs; neither where there is none."""
    if not deployment.api_key:
        return {}, None
    members = FORM.read(deployment.api_key)
    if KEY in members:
        return {"Authorization": f"Bearer {members[KEY]}"}, None
    signer = Signer(
        members["access_key_id"],
        _region(deployment.base_url, members),
        SERVICE,
        members["secret_access_key"],
        members.get("session_token", ""),
    )
    return {}, signer.sign


def model_url(deployment: Deployment, model: str, *, is_stream: bool) -> str:
    """Where a model is asked; names and ARNs are escaped as a whole."""
    verb = "converse-stream" if is_stream else "converse"
    return f"{deployment.base_url}/model/{quote(model, safe='')}/{verb}"


def models_url(deployment: Deployment) -> str:
    """Where the models of the region are listed: at the service beside the one that answers."""
    return f"{deployment.base_url.replace(f'//{_RUNTIME}', f'//{_CONTROL}', 1)}/foundation-models"


def _region(base_url: str, members: Mapping[str, str]) -> str:
    """The region of the credential, else that of the host: the label after the one of the service."""
    told = members.get("region")
    if told:
        return told
    labels = (urlsplit(base_url).hostname or "").split(".")
    places = [place for place, label in enumerate(labels[:-1]) if label.startswith(_RUNTIME)]
    return labels[places[0] + 1] if places else ""
