"""What each class of failure leads to: one table, for the attempt loop, the health of upstreams, and the bill.

Pure. The rows are what docs/resilience.md shows. Nothing here holds after the first content: then a stream is broken,
and nobody else is asked.
"""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from server.routing.failure import FailureClass


class Then(Enum):
    """What is tried after a failure, before anything was sent to the client. Each candidate is asked once more at most.

    SAME: the same again, after a back-off, then the next. SAME_AT_ONCE: without one. WHEN_TOLD: the same if the wait
    that the provider told is short, else the next. IF_ALONE: the next, and the same again only where there is no next.
    NEXT: the next. OTHER_ACCOUNT: the next of another credential. OTHER_PLACE: the next at another address, or with a
    larger window. LARGER: the next with a larger window. PLAIN: the same without asking for usage. STREAMED: the same
    as a stream. STOP: nobody.
    """

    SAME = "the same once more, then the next"
    SAME_AT_ONCE = "the same once more at once, then the next"
    WHEN_TOLD = "the same if told to wait 2 s or less, else the next"
    IF_ALONE = "the next; the same once more if there is no other"
    NEXT = "the next"
    OTHER_ACCOUNT = "the next with another credential"
    OTHER_PLACE = "the next at another address"
    LARGER = "the next with a larger context window"
    PLAIN = "the same without asking for usage"
    STREAMED = "the same as a stream"
    STOP = "nobody"


class Health(Enum):
    """What a failure says about whom. ENDPOINT and DEPLOYMENT are failures of the upstream; AGAIN only the second time.

    An endpoint is the base URL of an entry, a deployment one model of it. CREDENTIAL and MODEL keep the credential, or
    the entry's model, out of use for a while; providers limit each model by itself. SHAKY counts for a deployment's
    share of failures, but not for its row of them: what broke had begun well.
    """

    NEUTRAL = "nothing"
    ENDPOINT = "the endpoint failed"
    AGAIN = "the endpoint failed, if it happens twice"
    DEPLOYMENT = "the deployment failed"
    SHAKY = "the deployment is shaky"
    CREDENTIAL = "the credential rests"
    MODEL = "the entry's model rests"


class Bill(Enum):
    """What a failed call is taken to have cost: nothing, the prompt by estimate, or what came of the answer."""

    NOTHING = "0"
    PROMPT = "the prompt, estimated"
    DELIVERED = "what came, estimated"


class Notice(Enum):
    """Who is told beside the caller: nobody, the entry's owners by a flag, or the operator by a line in the log."""

    NOBODY = "nobody"
    FLAG = "the entry is flagged"
    EVENT = "a security event is logged"


class Rule(Struct, frozen=True):
    """What a class of failure leads to."""

    then: Then
    health: Health
    bill: Bill = Bill.NOTHING
    notice: Notice = Notice.NOBODY


_F, _T, _H, _B, _N = FailureClass, Then, Health, Bill, Notice

RULES: Final[Mapping[FailureClass, Rule]] = MappingProxyType(
    {
        _F.REFUSED: Rule(_T.NEXT, _H.ENDPOINT),
        _F.CONNECT_TIMEOUT: Rule(_T.NEXT, _H.ENDPOINT),
        _F.NAME_UNKNOWN: Rule(_T.NEXT, _H.ENDPOINT),
        _F.NAME_UNRESOLVED: Rule(_T.SAME, _H.ENDPOINT),
        _F.BLOCKED: Rule(_T.NEXT, _H.NEUTRAL, notice=_N.EVENT),
        _F.TLS: Rule(_T.NEXT, _H.ENDPOINT),
        _F.NO_ANSWER: Rule(_T.SAME_AT_ONCE, _H.AGAIN, _B.PROMPT),
        _F.CUT: Rule(_T.SAME, _H.DEPLOYMENT, _B.PROMPT),
        _F.NOT_AN_ANSWER: Rule(_T.NEXT, _H.DEPLOYMENT),
        _F.BAD_ANSWER: Rule(_T.NEXT, _H.DEPLOYMENT, _B.PROMPT),
        _F.OVERSIZED: Rule(_T.NEXT, _H.DEPLOYMENT, _B.PROMPT),
        _F.NO_FIRST_TOKEN: Rule(_T.NEXT, _H.DEPLOYMENT, _B.PROMPT),
        _F.STALLED: Rule(_T.NEXT, _H.DEPLOYMENT, _B.PROMPT),
        _F.BROKEN_STREAM: Rule(_T.STOP, _H.SHAKY, _B.DELIVERED),
        _F.SERVER_ERROR: Rule(_T.SAME, _H.DEPLOYMENT),
        _F.OVERLOADED: Rule(_T.IF_ALONE, _H.DEPLOYMENT),
        _F.LIMITED: Rule(_T.WHEN_TOLD, _H.MODEL),
        _F.QUOTA: Rule(_T.OTHER_ACCOUNT, _H.CREDENTIAL, notice=_N.FLAG),
        _F.CREDENTIAL: Rule(_T.OTHER_ACCOUNT, _H.CREDENTIAL, notice=_N.FLAG),
        _F.FORBIDDEN: Rule(_T.NEXT, _H.MODEL, notice=_N.FLAG),
        _F.NO_MODEL: Rule(_T.NEXT, _H.MODEL),
        _F.TOO_LONG: Rule(_T.LARGER, _H.NEUTRAL),
        _F.TOO_LARGE: Rule(_T.OTHER_PLACE, _H.NEUTRAL),
        _F.CONTENT: Rule(_T.STOP, _H.NEUTRAL),
        _F.REQUEST: Rule(_T.STOP, _H.NEUTRAL),
        _F.UNFIT: Rule(_T.NEXT, _H.NEUTRAL),
        _F.USAGE_OPTION: Rule(_T.PLAIN, _H.NEUTRAL),
        _F.STREAM_ONLY: Rule(_T.STREAMED, _H.NEUTRAL),
        _F.NOT_NOW: Rule(_T.SAME, _H.NEUTRAL),
        _F.REDIRECT: Rule(_T.NEXT, _H.NEUTRAL, notice=_N.EVENT),
        _F.OUT_OF_TIME: Rule(_T.STOP, _H.NEUTRAL),
        _F.OURS: Rule(_T.STOP, _H.NEUTRAL),
    }
)
"""Every class has its row."""
