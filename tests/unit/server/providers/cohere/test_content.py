"""Contents of messages."""

from typing import Any

import pytest

from server.errors import ParamUnsupported
from tests.unit.server.providers.cohere.asked import build

TEXT = {"type": "text", "text": "a"}
PICTURE = {"type": "image_url", "image_url": {"url": "https://a.example/b.png", "detail": "high"}}
DOCUMENT = {"type": "document", "title": "T", "source": {"type": "text", "data": "words"}}


@pytest.mark.parametrize(
    ("content", "sent"),
    [
        ("a", "a"),
        ([TEXT], "a"),
        ([TEXT, {"type": "text", "text": ""}], "a"),
        ([TEXT, PICTURE, TEXT], [TEXT, PICTURE, TEXT]),
        ([DOCUMENT], "T\n\nwords"),
        ([{"type": "document", "source": {"type": "text", "data": "words"}}], "words"),
        ("", ""),
    ],
    ids=["a text", "a list of one text", "empty texts are left out", "the order is kept", "a document", "untitled",
         "nothing"],
)  # fmt: skip
def test_a_content(content: Any, sent: Any) -> None:
    assert build({"messages": [{"role": "user", "content": content}]}).body["messages"][0]["content"] == sent


@pytest.mark.parametrize(
    "part",
    [
        {"type": "input_audio", "input_audio": {"data": "aa", "format": "wav"}},
        {"type": "file", "file": {"file_id": "f"}},
        {"type": "document", "source": {"type": "base64", "data": "aa"}},
        {"type": "video_url"},
    ],
    ids=["sound", "a file", "a document that is no text", "what nobody knows"],
)
def test_content_that_cannot_be_carried_is_refused_and_never_left_out(part: dict[str, Any]) -> None:
    with pytest.raises(ParamUnsupported) as caught:
        build({"messages": [{"role": "user", "content": [TEXT, part]}]})
    assert caught.value.param is not None
    assert caught.value.param.startswith("messages[0].content[1]")


def test_marks_of_the_cache_are_told() -> None:
    marked = {**TEXT, "cache_control": {"type": "ephemeral"}}
    assert build({"messages": [{"role": "user", "content": [marked]}]}).said("cache_control is not sent")
