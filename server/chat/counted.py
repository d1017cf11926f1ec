"""A proof by counting that a request says nothing twice and nothing that its view does not know. Pure.

Each member of a JSON text has one colon that is in no string. A view that was decoded has each member at most once, and
none that is unknown. So where a body has no more such colons than its view has members, no member stands twice, none is
unknown, and nothing nests deeper than the view does: the general look at the shape can be spared. This module must
never say so of a body of which it is not so; of any other it may say that it cannot tell.
"""

from typing import Final

from msgspec import UNSET
from msgspec.structs import astuple

from server.chat.view import ChatView, Message, StreamOptions

_FIELDS: Final = len(ChatView.__struct_fields__)
_OPTIONS: Final = len(StreamOptions.__struct_fields__)
_ROLE_AND_CONTENT: Final = 2
_NOT_SAID: Final = len(Message.__struct_fields__) - _ROLE_AND_CONTENT
_FAR_APART_BYTES: Final = 300
"""Where colons are further apart than that on average, looking for each is cheaper than counting."""


def is_plain(body: bytes, view: ChatView) -> bool:
    """Whether a body has the members that its view has, each once, and messages of nothing but a role and a text.

    The view has to be that of the body. False where that is not so, or takes more than counting colons to tell.
    """
    if view.functions is not UNSET or view.response_format is not UNSET:
        return False
    # Whatever stands in a member that is not counted has colons too many, if it has members.
    members = _FIELDS - astuple(view).count(UNSET)
    model = view.model
    colons_of_texts = model.count(":") if model.__class__ is str else 0
    for message in view.messages:
        text = message.content
        if text.__class__ is not str or astuple(message).count(UNSET) != _NOT_SAID or message.role == "tool":
            return False
        members += _ROLE_AND_CONTENT
        if ":" in text:
            colons_of_texts += text.count(":")
    options = view.stream_options
    if options.__class__ is StreamOptions:
        members += _OPTIONS - astuple(options).count(UNSET)
    # A colon of a text may be written as an escape, and is none of the body's colons then.
    if colons_of_texts and body.find(b"\\u003") >= 0:
        return False
    return colons_in(body, members + colons_of_texts) == members + colons_of_texts


def colons_in(body: bytes, most: int) -> int:
    """The colons of a body; where they are more than `most`, that they are more."""
    if most * _FAR_APART_BYTES > len(body):
        return body.count(b":")
    count, at = 0, body.find(b":")
    while at >= 0 and count <= most:
        count += 1
        at = body.find(b":", at + 1)
    return count
