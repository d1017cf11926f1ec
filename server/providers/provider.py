"""What is known of one provider: a row of the registry."""

from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import Struct, field

from server.chat.native import NativeRequest
from server.providers.dialect import Dialect
from server.providers.late import is_late, load
from server.providers.prefill import Prefill


class CredentialRules(Protocol):
    """What the credential of an entry must be, where it is more than a key."""

    def check(self, base_url: str, api_key: str) -> None:
        """Raises RequestInvalid, whose message says what is missing and never repeats a value."""

    def shown(self, api_key: str) -> str:
        """The part that may be shown once its middle is left out."""


class Provider(Struct, frozen=True):
    """A vendor, or a kind of server that one runs oneself.

    `default_base_url` is empty where every entry must name its own. `default_models` are those that are listed and
    chosen from when an entry has no list. `key_env` is the environment variable that usually holds the key, empty if no
    key is needed. A built-in provider is part of the gateway: no address, no key, and no models beyond those listed.
    `credential` are the rules of a credential that is more than a key, `base_url_form` how an address is written where
    every entry must name its own.
    `prefill` is how a model is told to go on with what the assistant has begun to say; None where none does.
    `otel_name` is its name in OpenTelemetry's conventions, where that is another.
    `natives` makes dialects for requests in the form of a face that the provider speaks itself, by the face's name.
    """

    name: str
    display_name: str
    dialect: Dialect
    default_base_url: str = ""
    default_models: tuple[str, ...] = ()
    key_env: str = ""
    is_builtin: bool = False
    credential: CredentialRules | None = None
    base_url_form: str = ""
    prefill: Prefill | None = None
    natives: Mapping[str, Callable[[NativeRequest], Dialect]] = field(default_factory=dict)
    otel_name: str = ""

    @property
    def is_ready(self) -> bool:
        """Whether nothing of its dialects is still to be imported."""
        return not any(map(is_late, (self.dialect, *self.natives.values())))

    def prepare(self) -> None:
        """Imports its dialects, in any thread, which takes some 10 ms. Safe to repeat."""
        for verbs in (self.dialect, *self.natives.values()):
            load(verbs)
