"""A proof by counting that a request says nothing twice and nothing that its view does not know. Pure.

Each member of a JSON text has one colon that is in no string. A view that was decoded has each member at most once, and
none that is unknown. So where a body has no more such colons than its view has members, no member stands twice, none is
unknown, and nothing nests deeper than the view does: the general look at the shape can be spared. This module must
never say so of a body of which it is not so; of any other it may say that it cannot tell.
"""

from typing import Final

from msgspec import UNSET
from msgspec.structs import astuple

from server.chat.view import ChatView, StreamOptions

_FIELDS: Final = len(ChatView.__struct_fields__)
_OPTIONS: Final = len(StreamOptions.__struct_fields__)
_ROLE_AND_CONTENT: Final = 2
_FAR_APART_BYTES: Final = 300
"""Where colons are further apart than that on average, looking for each is cheaper than counting."""
_LONG_CHARS: Final = 512
"""A longer text is counted as bytes, which takes two copies of it and a third of the time."""


def is_plain(body: bytes, view: ChatView) -> bool:
    """Whether a body has the members that its view has, each once, and messages of nothing but a role and a text.

    The view has to be that of the body. False where that is not so, or takes more than counting colons to tell.
    """
    if view.tools is not UNSET:
        return False
    # Each member that the view has is a colon of the body at least. So it is enough to count those that it is known to
    # have: where there are no more colons, it has no others.
    model, colons_of_texts = view.model, 0
    usual = 1 + (model is not UNSET) + (view.temperature is not UNSET)
    usual += (view.max_tokens is not UNSET) + (view.stream is not UNSET)
    if model and ":" in model:
        colons_of_texts = model.count(":")
    messages = view.messages
    for message in messages:
        text = message.content
        if text.__class__ is not str or message.role == "tool":
            return False
        if ":" in text:
            colons_of_texts += _colons_of(text)
    # A colon of a text may be written as an escape, and is none of the body's colons then.
    if colons_of_texts and body.find(b"\\u003") >= 0:
        return False
    colons = usual + _ROLE_AND_CONTENT * len(messages) + colons_of_texts
    return colons_in(body, colons) == colons or _is_plain_with_more(body, view, usual, colons)


def _is_plain_with_more(body: bytes, view: ChatView, usual: int, colons: int) -> bool:
    """The same where it has more colons than so many usual members and its messages have."""
    if view.functions is not UNSET or view.response_format is not UNSET:
        return False
    # Whatever stands in a member that is not counted has colons too many, if it has members.
    more, options = _FIELDS - astuple(view).count(UNSET) - usual, view.stream_options
    if options.__class__ is StreamOptions:
        more += _OPTIONS - astuple(options).count(UNSET)
    return more > 0 and colons_in(body, colons + more) == colons + more


def _colons_of(text: str) -> int:
    if len(text) <= _LONG_CHARS or not text.isascii():
        return text.count(":")
    return len(text) - len(text.encode().replace(b":", b""))


def colons_in(body: bytes, most: int) -> int:
    """The colons of a body; where they are more than `most`, that they are more."""
    if most * _FAR_APART_BYTES > len(body):
        # They are counted one by one, but leaving them out skips from one to the next.
        return len(body) - len(body.replace(b":", b"", most + 1))
    count, at = 0, body.find(b":")
    while at >= 0 and count <= most:
        count += 1
        at = body.find(b":", at + 1)
    return count
