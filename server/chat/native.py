"""A request in the form of the face that it came through, for providers that speak that very form.

The chat message carries it beside its own members: a provider of the same form gets it spliced and answers in the same
form, so that nothing is lost on the way; every other provider gets the chat message. In an answer or a chunk the
provider's own JSON stands in the member `native`; it is for the face alone, which takes it out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec
from msgspec import Raw

MEMBER: Final = "native"
"""The member of an answer or a chunk that holds what the provider said in its own form."""

_ENCODER: Final = msgspec.json.Encoder()
_TRUE: Final = Raw(b"true")


@dataclass(frozen=True, slots=True)
class NativeRequest:
    """The request as it came.

    `face` names the form; empty where no provider may have it as it is. `members` are the top-level members, without
    those that are the gateway's. `headers` are those that a provider of the form gets too, names in lower case.
    `losses` are what every other provider does not get, each a member and why, as `ChatRequest.lose` takes them.
    `needs` is what of the request no other provider can do at all, and `needs_param` where it stands; empty: nothing.
    `is_same`: the chat message says all that it says, so that a provider of the form may get that instead.
    """

    face: str
    members: Mapping[str, Raw] = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    losses: tuple[tuple[str, str], ...] = ()
    needs: str = ""
    needs_param: str = "model"
    is_same: bool = False

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
