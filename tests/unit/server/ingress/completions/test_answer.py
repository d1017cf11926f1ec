"""Chat completions as text completions, judged by the SDK's own types."""

import json
from typing import Any

import pytest
from openai.types import Completion

from server.errors import UpstreamBadResponse
from server.ingress.completions.answer import Texts

HEAD = {"id": "chatcmpl-1", "object": "chat.completion", "created": 7, "model": "gpt-4o", "new": 1.0}
TOKENS = {
    "content": [
        {"token": " a", "logprob": -0.5, "bytes": [32, 97], "top_logprobs": [{"token": " a", "logprob": -0.5}]},
        {"token": "b", "logprob": -1.5, "bytes": None, "top_logprobs": []},
    ],
    "refusal": None,
}


def text_of(message: dict[str, Any], echoed: str = "", **members: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": message, "finish_reason": "stop", **members}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    body = json.dumps({**HEAD, "choices": [choice], "usage": usage, "gateway_metadata": {"attempts": 1}}).encode()
    found: dict[str, Any] = json.loads(Texts(echoed).text_from(body))
    Completion.model_validate(found, strict=True)
    return found


def test_a_text_has_openais_members_and_what_came_beside() -> None:
    assert text_of({"role": "assistant", "content": " upon a time"}) == {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 7,
        "model": "gpt-4o",
        "new": 1.0,
        "choices": [{"text": " upon a time", "index": 0, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
        "gateway_metadata": {"attempts": 1},
    }


@pytest.mark.parametrize(
    ("message", "text"), [({"content": None}, ""), ({"content": None, "refusal": "No."}, "No."), ({}, "")]
)
def test_what_is_said_is_the_text(message: dict[str, Any], text: str) -> None:
    assert text_of(message)["choices"][0]["text"] == text


def test_the_prompt_stands_before_it_if_asked() -> None:
    assert text_of({"content": " upon"}, echoed="Once")["choices"][0]["text"] == "Once upon"


def test_reasoning_is_kept_beside() -> None:
    assert text_of({"content": "a", "reasoning_content": "Hm."})["choices"][0]["reasoning_content"] == "Hm."


def test_log_probabilities_are_in_the_older_form() -> None:
    assert text_of({"content": " ab"}, logprobs=TOKENS)["choices"][0]["logprobs"] == {
        "tokens": [" a", "b"],
        "token_logprobs": [-0.5, -1.5],
        "top_logprobs": [{" a": -0.5}, {}],
        "text_offset": [0, 2],
    }


def test_a_stream_tells_the_prompt_once_for_each_answer_and_goes_on_counting() -> None:
    texts = Texts("Once")
    found = []
    for index, delta in ((0, {"role": "assistant"}), (1, {"content": " one"}), (0, {"content": " ab"}), (0, {})):
        choice = {"index": index, "delta": delta, "finish_reason": None, "logprobs": TOKENS if index == 0 else None}
        chunk = json.loads(texts.text_from(json.dumps({**HEAD, "choices": [choice]}).encode()))
        found.append(chunk["choices"][0])
    assert [choice["text"] for choice in found] == ["Once", "Once one", " ab", ""]
    assert found[2]["logprobs"]["text_offset"] == [4, 6]


def test_a_chunk_that_only_tells_the_usage_has_no_choices() -> None:
    chunk = json.loads(Texts().text_from(json.dumps({**HEAD, "choices": [], "usage": {"total_tokens": 5}}).encode()))
    assert (chunk["choices"], chunk["usage"]) == ([], {"total_tokens": 5})


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"choices":[{"message":{"content":5}}]}'])
def test_what_is_no_chat_completion_is_the_providers_fault(body: bytes) -> None:
    with pytest.raises(UpstreamBadResponse):
        Texts().text_from(body)
