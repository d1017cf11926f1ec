"""Who asks, and where: addresses and headers of vendors that speak OpenAI's dialect. Pure."""

from dataclasses import dataclass, field
from typing import Final, Protocol

from server.chat.deployment import Deployment
from server.chat.wire import WireRequest


@dataclass(frozen=True, slots=True)
class Pass:
    """What lets a request in: `headers`, or a token that `grant` is answered with."""

    headers: dict[str, str] = field(default_factory=dict, repr=False)
    grant: WireRequest | None = None


class Access(Protocol):
    """How a vendor is reached."""

    def url(self, deployment: Deployment, path: str, model: str = "") -> str:
        """Where `path` is, as `/chat/completions`; of `model`, where that stands in the address."""

    def credential(self, deployment: Deployment) -> Pass:
        """What the credential of an entry becomes; empty where there is none."""


@dataclass(frozen=True, slots=True)
class BearerAccess:
    """One address for all models, and the key as a bearer."""

    def url(self, deployment: Deployment, path: str, model: str = "") -> str:
        """See `Access.url`."""
        return f"{deployment.base_url}{path}"

    def credential(self, deployment: Deployment) -> Pass:
        """See `Access.credential`."""
        return Pass({"Authorization": f"Bearer {deployment.api_key}"} if deployment.api_key else {})


BEARER: Final = BearerAccess()
"""The usual way."""
