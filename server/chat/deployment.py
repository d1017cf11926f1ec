"""Where a request can go: an upstream account of a workspace with its opened credential."""

from collections.abc import Hashable
from dataclasses import dataclass, field

from server.chat.model_facts import UNKNOWN_MODEL, ModelFacts


@dataclass(frozen=True, slots=True)
class Deployment:
    """A provider entry, ready to be called.

    `provider` names a row of the registry, `base_url` ends without a slash, `api_key` is in clear and never leaves the
    process but in a request to `base_url`. `priority` 1 is tried first; ties share by `weight` (1 to 1,000). `models`
    is the entry's allow-list, empty for all. `worked_out` is what others keep that follows from the rest, and from the
    key under which they keep it; it ends with the deployment.
    """

    provider_id: str
    workspace_id: str
    provider: str
    base_url: str
    api_key: str = field(repr=False)
    priority: int = 1
    weight: int = 1
    models: tuple[str, ...] = ()
    worked_out: dict[Hashable, object] = field(init=False, repr=False, compare=False, default_factory=dict)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A deployment that may serve a request, the model id that it is asked for, and what is known of that model."""

    deployment: Deployment
    model: str
    facts: ModelFacts = field(default=UNKNOWN_MODEL, repr=False, compare=False)
