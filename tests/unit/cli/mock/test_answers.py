"""What the mock reads of a request."""

import msgspec

from cli.mock.answers import Asked, Complaint, Message, arguments_of, first_tool, words


def asked(body: bytes) -> Asked:
    return msgspec.json.decode(body, type=Asked)


def test_the_last_role_is_that_of_the_last_message() -> None:
    assert asked(b'{"messages":[{"role":"user"},{"role":"assistant"}]}').last_role == "assistant"
    assert asked(b'{"messages":[]}').last_role == ""
    assert asked(b'{"messages":"none"}').last_role == ""
    assert asked(b"{}").last_role == ""


def test_the_first_tool_is_found_in_every_shape() -> None:
    assert first_tool(asked(b'{"tools":[{"function":{"name":"a"}},{"function":{"name":"b"}}]}')) == "a"
    assert first_tool(asked(b'{"tools":[{"name":"c","input_schema":{}}]}')) == "c"
    assert first_tool(asked(b'{"tools":[{"functionDeclarations":[{"name":"d"}]}]}')) == "d"
    assert first_tool(asked(b"{}")) == "get_time"


def test_arguments_that_are_no_object_are_none() -> None:
    assert arguments_of(Message(arguments='{"a":1}')) == {"a": 1}
    assert arguments_of(Message(arguments='{"a":')) == {}


def test_words_join_to_the_text() -> None:
    assert "".join(words("a b  c")) == "a b  c"


def test_messages_and_complaints_have_defaults() -> None:
    assert Message(("a",)).finish_reason == "stop"
    assert Message(tool="t").finish_reason == "tool_calls"
    assert Message(finish="length").finish_reason == "length"
    assert Complaint(500).text == "The mock answers 500."
