"""The typed view of a Messages request: it knows every member that the SDK's types name and a translation needs."""

import msgspec
from anthropic.types import MessageCreateParams, ToolParam
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming

from server.ingress.messages.view import MessagesView, ToolDefinition

OF_ANTHROPIC_ALONE = {
    "container", "diagnostics", "inference_geo", "speed", "user_profile_id", "workspace_id", "cache_control",
}  # fmt: skip


def test_a_member_of_the_sdk_is_translated_or_known_to_be_anthropics_alone() -> None:
    assert MessageCreateParams
    named = set(MessageCreateParamsNonStreaming.__annotations__)
    assert named - OF_ANTHROPIC_ALONE <= set(MessagesView.__struct_fields__)


def test_what_a_tool_needs_is_known() -> None:
    assert set(ToolDefinition.__struct_fields__) <= set(ToolParam.__annotations__)


def test_members_that_are_not_known_are_tolerated() -> None:
    text = b'{"messages":[{"role":"user","content":[{"type":"x","y":1}],"z":2}],"w":3}'
    assert msgspec.json.decode(text, type=MessagesView).model is msgspec.UNSET
