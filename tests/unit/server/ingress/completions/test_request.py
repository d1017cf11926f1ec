"""Text completion requests as chat requests, and what is refused of them."""

import json
from typing import Any

import pytest

from server.errors import ParamUnsupported, PerpetuoError, RequestInvalid
from server.ingress.completions.request import Read, read_completion


def read(*, stream: bool = False, **members: Any) -> Read:
    return read_completion(json.dumps({"model": "m", "prompt": "Once", **members}).encode(), stream=stream)


def chat(**members: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(read(**members).request.body)
    return found


USUAL = {"model": "m", "messages": [{"role": "user", "content": "Once"}], "max_tokens": 16}
MEMBERS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("nothing more", {}, {}),
    ("a prompt in a list", {"prompt": ["Once"]}, {}),
    ("a bound", {"max_tokens": 5}, {"max_tokens": 5}),
    ("log-probabilities", {"logprobs": 3}, {"logprobs": True, "top_logprobs": 3}),
    ("log-probabilities of what is written alone", {"logprobs": 0}, {"logprobs": True}),
    ("what chat completions have too", {"temperature": 0.5, "n": 2, "stop": ["a"], "user": "u"},
     {"temperature": 0.5, "n": 2, "stop": ["a"], "user": "u"}),
    ("members that nobody knows", {"min_p": 0.1}, {"min_p": 0.1}),
    ("knobs", {"gateway": {"cache": "no-store"}}, {"gateway": {"cache": "no-store"}}),
    ("an echo, and a suffix that is empty", {"echo": True, "suffix": "", "best_of": 1}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("members", "expected"), [case[1:] for case in MEMBERS], ids=[case[0] for case in MEMBERS])
def test_a_member_is_translated(members: dict[str, Any], expected: dict[str, Any]) -> None:
    assert chat(**members) == USUAL | expected
    assert read(**members).request.native is None


def test_a_stream_is_asked_for_by_the_method_that_is_called() -> None:
    assert read(stream=True).request.is_stream
    assert not read(stream_options={"include_usage": True}).request.is_stream
    assert read(stream=True, stream_options={"include_usage": True}).request.wants_usage


def test_the_prompt_is_repeated_only_if_asked() -> None:
    assert read(echo=True).echoed == "Once"
    assert read(echo=False).echoed == ""


@pytest.mark.parametrize("members", [{"suffix": "the end"}, {"best_of": 3, "n": 2}], ids=["a suffix", "a best of"])
def test_what_chat_models_cannot_do_is_a_loss(members: dict[str, Any]) -> None:
    native = read(**members).request.native
    assert native is not None
    assert [member for member, _ in native.losses] == [next(iter(members))]


WRONG: list[tuple[str, dict[str, Any], str, type[PerpetuoError]]] = [
    ("no prompt", {"prompt": None}, "prompt", RequestInvalid),
    ("several prompts", {"prompt": ["a", "b"]}, "prompt", ParamUnsupported),
    ("tokens", {"prompt": [1, 2]}, "prompt", ParamUnsupported),
    ("several lists of tokens", {"prompt": [[1], [2]]}, "prompt", ParamUnsupported),
    ("no prompts", {"prompt": []}, "prompt", RequestInvalid),
    ("another kind of prompt", {"prompt": {"a": 1}}, "prompt", RequestInvalid),
    ("an echo with log-probabilities", {"echo": True, "logprobs": 1}, "logprobs", ParamUnsupported),
    ("too many log-probabilities", {"logprobs": 6}, "logprobs", RequestInvalid),
    ("a bound of nothing", {"max_tokens": 0}, "max_tokens", RequestInvalid),
    ("a temperature beyond two", {"temperature": 3}, "temperature", RequestInvalid),
]


@pytest.mark.parametrize(("members", "param", "reason"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_what_is_wrong_is_named(members: dict[str, Any], param: str, reason: type[PerpetuoError]) -> None:
    with pytest.raises(reason) as caught:
        read(**members)
    assert caught.value.param == param
