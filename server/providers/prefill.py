"""How a provider is told to go on with what the assistant has begun to say: the form of a prefill, as data of its row.

A dialect puts the assistant's words last into the conversation, as it does with any other; what must be marked beside
that stands here. A row without a form takes no prefill: its models would answer anew.
"""

from typing import Final

import msgspec
from msgspec import Raw, Struct, structs

from server.chat.deployment import Candidate
from server.chat.wire import WireRequest

_ENCODER: Final = msgspec.json.Encoder()
_MEMBERS: Final = msgspec.json.Decoder(dict[str, Raw])
_LIST: Final = msgspec.json.Decoder(list[Raw])
_TRUE: Final = Raw(b"true")
_PATH: Final = "/chat/completions"


class Prefill(Struct, frozen=True):
    """The form.

    `mark` is a member of the last message that is true then, `members` are of the whole request, as name and value.
    `version_path` takes the place of `/v1` in the address. `models` are parts of the names of those that take a
    prefill, empty for all; of those `must_be_known` asks for one whose abilities the catalogue has. `echoes`: the
    answer begins with the prefill.
    """

    mark: str = ""
    members: tuple[tuple[str, bool], ...] = ()
    version_path: str = ""
    models: tuple[str, ...] = ()
    must_be_known: bool = False
    echoes: bool = False

    def fits(self, candidate: Candidate) -> bool:
        """Whether the model goes on with a prefill. One that reasons unasked does not."""
        facts = candidate.facts
        if self.models and not any(part in candidate.model for part in self.models):
            return False
        if not facts.is_known:
            return not self.must_be_known
        return facts.knobs.prefill and not facts.knobs.thinks_unasked

    def marked(self, wire: WireRequest) -> WireRequest:
        """A request in OpenAI's form whose last message is to be gone on with; the same where nothing is to be said."""
        url = self._address(wire.url)
        if not (self.mark or self.members):
            return wire if url == wire.url else structs.replace(wire, url=url)
        members = _MEMBERS.decode(wire.body)
        if self.mark:
            *others, last = _LIST.decode(members["messages"])
            marked = Raw(_ENCODER.encode({**_MEMBERS.decode(last), self.mark: _TRUE}))
            members["messages"] = Raw(_ENCODER.encode([*others, marked]))
        members.update((name, Raw(_ENCODER.encode(value))) for name, value in self.members)
        return structs.replace(wire, url=url, body=_ENCODER.encode(members))

    def _address(self, url: str) -> str:
        if not self.version_path or not url.endswith(_PATH):
            return url
        return url.removesuffix(_PATH).removesuffix("/v1") + self.version_path + _PATH
