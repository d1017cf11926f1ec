"""What is known of one provider: a row of the registry."""

from dataclasses import dataclass

from server.providers.dialect import Dialect


@dataclass(frozen=True, slots=True)
class Provider:
    """A vendor, or a kind of server that one runs oneself.

    `default_base_url` is empty where every entry must name its own. `default_models` are those that are listed and
    chosen from when an entry has no list. `key_env` is the environment variable that usually holds the key, empty if no
    key is needed. A built-in provider is part of the gateway: no address, no key, and no models beyond those listed.
    """

    name: str
    display_name: str
    dialect: Dialect
    default_base_url: str = ""
    default_models: tuple[str, ...] = ()
    key_env: str = ""
    is_builtin: bool = False
