"""Members that a dialect does not carry."""

import json

import pytest

from server.chat.request import ChatRequest, parse_chat_request
from server.chat.unsent import lose_others
from server.errors import ParamUnsupported


def request_of(**members: object) -> ChatRequest:
    return parse_chat_request(json.dumps({"messages": [{"role": "user", "content": "a"}], **members}).encode())


SILENT: dict[str, dict[str, object]] = {
    "what every dialect takes care of": {"model": "m", "stream": True, "stream_options": {"include_usage": True}},
    "what is for the gateway": {"gateway": {"strategy": "fastest"}},
    "nulls": {"seed": None, "x": None},
    "nothing in a list or an object": {"x": [], "metadata": {}, "user": ""},
    "what is assumed anyway": {
        "n": 1,
        "logprobs": False,
        "store": False,
        "modalities": ["text"],
        "verbosity": "medium",
    },
    "no penalty, however it is spelled": {"presence_penalty": 0, "frequency_penalty": 0.0},
    "what the dialect takes": {"temperature": 0.5},
}


@pytest.mark.parametrize("members", SILENT.values(), ids=SILENT.keys())
def test_what_has_no_effect_is_not_reported(members: dict[str, object]) -> None:
    request = request_of(**members)
    lose_others(request, {"temperature"})
    assert request.notes == []


def test_everything_else_is_reported_by_its_name() -> None:
    request = request_of(seed=0, n=2, presence_penalty=0.1, x_unknown=False)
    lose_others(request, ())
    assert [note.split()[0] for note in request.notes] == ["seed", "n", "presence_penalty", "x_unknown"]


def test_a_strict_request_is_refused() -> None:
    request = request_of(seed=0)
    request.is_strict = True
    with pytest.raises(ParamUnsupported) as caught:
        lose_others(request, ())
    assert caught.value.param == "seed"
