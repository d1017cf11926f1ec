"""The typed view of a Responses request: it, or the translation, knows every member that the SDK names."""

import msgspec
from openai.types.responses.response_create_params import ResponseCreateParamsBase

from server.ingress.responses.request import _SAME
from server.ingress.responses.view import Item, ResponsesView

OF_OPENAI_ALONE = {
    "access_programs", "background_options", "context_management", "conversation", "image", "prompt", "stream_options",
}  # fmt: skip


def test_a_member_of_the_sdk_is_translated_or_known_to_be_openais_alone() -> None:
    named = set(ResponseCreateParamsBase.__annotations__)
    assert named - OF_OPENAI_ALONE <= set(ResponsesView.__struct_fields__) | set(_SAME)


def test_members_that_are_not_known_are_tolerated() -> None:
    assert msgspec.json.decode(b'{"input":1,"w":3}', type=ResponsesView).model is msgspec.UNSET
    assert msgspec.json.decode(b'{"w":3}', type=Item).type == "message"
