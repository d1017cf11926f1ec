"""A request in the form of the face that it came through, for providers that speak that very form.

The chat message carries it beside its own members: a provider of the same form gets it spliced and answers in the same
form, so that nothing is lost on the way; every other provider gets the chat message. In an answer or a chunk the
provider's own JSON stands in the member `native`; it is for the face alone, which takes it out.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
from msgspec import Raw, Struct

MEMBER: Final = "native"
"""The member of an answer or a chunk that holds what the provider said in its own form."""

_ENCODER: Final = msgspec.json.Encoder()
_MEMBERS: Final = msgspec.json.Decoder(dict[str, Raw])
_TRUE: Final = Raw(b"true")


class LaterMembers(Mapping[str, Raw]):
    """The top-level members of a JSON object, which is taken apart once somebody asks for them."""

    __slots__ = ("_body", "_members")

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._members: dict[str, Raw] | None = None

    def __getitem__(self, name: str) -> Raw:
        return self._found()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found())

    def __len__(self) -> int:
        return len(self._found())

    def _found(self) -> dict[str, Raw]:
        members = self._members
        if members is None:
            members = self._members = _MEMBERS.decode(self._body)
        return members


class NativeRequest(Struct, frozen=True):
    """The request as it came.

    `face` names the form; empty where no provider may have it as it is. `members` are the top-level members, without
    those that are the gateway's. `headers` are those that a provider of the form gets too, names in lower case.
    `losses` are what every other provider does not get, each a member and why, as `ChatRequest.lose` takes them.
    `needs` is what of the request no other provider can do at all, and `needs_param` where it stands; empty: nothing.
    `is_same`: the chat message says all that it says, so that a provider of the form may get that instead.
    """

    face: str
    members: Mapping[str, Raw]
    headers: Mapping[str, str] = {}
    losses: tuple[tuple[str, str], ...] = ()
    needs: str = ""
    needs_param: str = "model"
    is_same: bool = False

    def __repr__(self) -> str:
        return f"NativeRequest({self.face!r}, {len(self.members)} members, needs={self.needs!r})"

    def body(self, *, model: str, is_stream: bool) -> bytes:
        """The request for a provider of that form: the model is replaced, all else is as it came."""
        members = {**self.members, "model": Raw(_ENCODER.encode(model))}
        if is_stream:
            members["stream"] = _TRUE
        else:
            members.pop("stream", None)
        return _ENCODER.encode(members)


def with_native(answer: bytes, native: bytes) -> bytes:
    """An answer or a chunk, JSON objects that are not empty and end with their brace, with the provider's own."""
    return b'%b,"%b":%b}' % (answer[:-1], MEMBER.encode(), native)
