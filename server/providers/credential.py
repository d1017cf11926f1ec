"""Credentials that are more than one key, as one text: `name=value;name=value`, in any order.

A text that does not begin with the name of a member is a plain key. The text is sealed as a plain key is, and values
never show in a message.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from server.errors import RequestInvalid

KEY: Final = "key"
"""The member that a plain key is."""

_PARAM: Final = "api_key"


class CredentialForm(Struct, frozen=True):
    """What a provider's credential is made of.

    Each of `ways` names the members that are a credential together; `optional` are those that any of them may have
    beside. `shown` are the members that are no secret, the most telling first.
    """

    ways: tuple[tuple[str, ...], ...]
    optional: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()

    def read(self, text: str) -> Mapping[str, str]:
        """The members of a credential. Raises RequestInvalid, which names what is missing, unknown or there twice."""
        known = {name for way in self.ways for name in way} | set(self.optional)
        first, sign, _ = text.partition("=")
        if not sign or first.strip() not in known:
            members: Mapping[str, str] = {KEY: text}
        else:
            members = _split(text, known)
        for way in self.ways:
            if all(name in members for name in way) and members.keys() <= {*way, *self.optional}:
                return members
        raise RequestInvalid(f"api_key must be {self.described}, but has {_listed(members)}.", param=_PARAM)

    def shown_of(self, text: str) -> str:
        """What of a credential may be shown once its middle is left out."""
        members = self.read(text)
        return next((members[name] for name in self.shown if name in members), members.get(KEY, ""))

    @property
    def described(self) -> str:
        """How it is written, for messages."""
        ways = [
            "a plain key" if way == (KEY,) else "'" + ";".join(f"{name}=..." for name in way) + "'" for way in self.ways
        ]
        more = f" (with {', '.join(self.optional)} if need be)" if self.optional else ""
        return " or ".join(ways) + more


def _split(text: str, known: set[str]) -> Mapping[str, str]:
    members: dict[str, str] = {}
    for piece in text.split(";"):
        if not piece.strip():
            continue
        name, sign, value = piece.partition("=")
        name = name.strip()
        if not sign or name not in known:
            allowed = ", ".join(sorted(known))
            raise RequestInvalid(f"api_key has a member that is not known; the known ones are {allowed}.", param=_PARAM)
        if name in members:
            raise RequestInvalid(f"api_key has the member '{name}' twice; leave only one.", param=_PARAM)
        if not value.strip():
            raise RequestInvalid(f"The member '{name}' of api_key is empty.", param=_PARAM)
        members[name] = value.strip()
    return members


def _listed(members: Mapping[str, str]) -> str:
    return ", ".join(members) or "nothing"
