"""Who asks, and where: addresses and headers of vendors that speak OpenAI's dialect. Pure."""

from dataclasses import dataclass, field
from typing import Final, Protocol

from msgspec import Struct

from server.chat.deployment import Candidate, Deployment
from server.chat.wire import FixedHeaders, WireRequest

MAX_ENVELOPES: Final = 64
"""Of one deployment: callers may name what models they like."""
_MAX_MODEL_CHARS: Final = 200
_PATH: Final = "/chat/completions"


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


class BearerAccess(Struct, frozen=True):
    """One address for all models, and the key as a bearer."""

    def url(self, deployment: Deployment, path: str, model: str = "") -> str:
        """See `Access.url`."""
        return f"{deployment.base_url}{path}"

    def credential(self, deployment: Deployment) -> Pass:
        """See `Access.credential`."""
        return Pass({"Authorization": f"Bearer {deployment.api_key}"} if deployment.api_key else {})


BEARER: Final = BearerAccess()
"""The usual way."""


class Envelope(Struct, frozen=True):
    """What chat completions of one model have in common that go to one deployment."""

    access: Access
    url: str
    headers: FixedHeaders
    grant: WireRequest | None


def envelope(access: Access, candidate: Candidate, *, is_stream: bool) -> Envelope:
    """Address and headers of a chat completion, worked out once for each deployment and model."""
    deployment = candidate.deployment
    kept, key = deployment.worked_out, (candidate.model, is_stream)
    found = kept.get(key)
    if isinstance(found, Envelope) and found.access is access:
        return found
    if len(kept) >= MAX_ENVELOPES:
        kept.clear()
    passed = access.credential(deployment)
    accepted = "text/event-stream" if is_stream else "application/json"
    headers = FixedHeaders({"Content-Type": "application/json", "Accept": accepted} | passed.headers)
    made = Envelope(access, access.url(deployment, _PATH, candidate.model), headers, passed.grant)
    if len(candidate.model) <= _MAX_MODEL_CHARS:
        kept[key] = made
    return made
