"""What is known of one provider: a row of the registry."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from server.chat.native import NativeRequest
from server.providers.dialect import Dialect


@dataclass(frozen=True, slots=True)
class Provider:
    """A vendor, or a kind of server that one runs oneself.

    `default_base_url` is empty where every entry must name its own. `default_models` are those that are listed and
    chosen from when an entry has no list. `key_env` is the environment variable that usually holds the key, empty if no
    key is needed. A built-in provider is part of the gateway: no address, no key, and no models beyond those listed.
    `natives` makes dialects for requests in the form of a face that the provider speaks itself, by the face's name.
    """

    name: str
    display_name: str
    dialect: Dialect
    default_base_url: str = ""
    default_models: tuple[str, ...] = ()
    key_env: str = ""
    is_builtin: bool = False
    natives: Mapping[str, Callable[[NativeRequest], Dialect]] = field(default_factory=dict)
