"""Rests of credentials and models as replicas tell each other of them, so that one refusal is enough for all.

Only what a provider said is told. Breakers stay with each process: that one cannot reach an upstream says nothing about
the others. A notice that is missed costs one refusal more.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from server.chat.shared import Notices
from server.routing.failure import FailureClass
from server.routing.health.health import Health
from server.routing.health.rest import LONG_S, Rest

TOPIC: Final = "rest"


class Notice(msgspec.Struct, array_like=True, frozen=True):
    """One rest as text: of which entry, of which model or of its credential, after what, and for how long from now.

    `rests_s` is 0 for a rest that has ended.
    """

    entry_id: str
    model: str
    kind: str
    rests_s: float


class SharedRests:
    """Tells of rests, and hears of them. `now_s` is the clock of the health that it speaks for."""

    def __init__(self, notices: Notices, now_s: Callable[[], float]) -> None:
        self._notices = notices
        self._now_s = now_s
        self._decode = msgspec.json.Decoder(Notice).decode

    def tell(self, entry_id: str, model: str, rest: Rest) -> None:
        """See `Told`."""
        notice = Notice(entry_id, model, rest.kind.name, rest.left_s(rest.since_s))
        self._notices.tell(TOPIC, msgspec.json.encode(notice).decode())

    def listen(self, health: Health) -> None:
        """Passes on what others tell from now on."""
        self._notices.hear(TOPIC, lambda text: self._heard(text, health))

    def _heard(self, text: str, health: Health) -> None:
        try:
            notice = self._decode(text)
            kind = FailureClass[notice.kind]
        except (msgspec.DecodeError, KeyError):
            return  # it is of a version that this one does not know
        now_s = self._now_s()
        health.heard(notice.entry_id, notice.model, Rest(kind, now_s, now_s + min(max(notice.rests_s, 0.0), LONG_S)))
