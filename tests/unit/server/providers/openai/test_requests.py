"""The top level of requests for vendors that speak OpenAI's dialect."""

from typing import Any

import pytest

from server.chat.request import parse_chat_request, upstream_body
from server.providers.openai import OpenAiDialect
from server.providers.openai.requests import adapted
from server.providers.registry import PROVIDERS
from server.providers.rows.vendors import OPENAI
from tests.unit.server.providers.openai.asking import CALL, HI, MARK, asked, candidate, sent

PLAIN = OpenAiDialect()
TOOL = {"type": "function", "function": {"name": "f"}}
Members = dict[str, Any]

LIMITS: list[tuple[str, str, str, Members, Members]] = [
    ("an old model keeps the old name", "openai", "gpt-4o-mini", {"max_tokens": 5}, {"max_tokens": 5}),
    ("an old model keeps the new name", "openai", "gpt-4o", {"max_completion_tokens": 5}, {"max_completion_tokens": 5}),
    ("a model that reasons gets only the new one", "openai", "o3", {"max_tokens": 5}, {"max_completion_tokens": 5}),
    ("so does the newest", "openai", "gpt-6-luna", {"max_tokens": 5}, {"max_completion_tokens": 5}),
    ("of both it gets the stricter", "openai", "gpt-5.4-mini", {"max_tokens": 5, "max_completion_tokens": 9},
     {"max_completion_tokens": 5}),
    ("whichever it is", "openai", "gpt-5.4-mini", {"max_tokens": 9, "max_completion_tokens": 5},
     {"max_completion_tokens": 5}),
    ("an old model gets the stricter too", "openai", "gpt-4o", {"max_tokens": 5, "max_completion_tokens": 9},
     {"max_tokens": 5}),
    ("a vendor with the old name alone", "deepseek", "m", {"max_completion_tokens": 5}, {"max_tokens": 5}),
    ("gets the stricter of both", "deepseek", "m", {"max_completion_tokens": 9, "max_tokens": 5}, {"max_tokens": 5}),
    ("null is no bound", "deepseek", "m", {"max_completion_tokens": None, "max_tokens": 5}, {"max_tokens": 5}),
    ("any server keeps what it got", "openai-compatible", "m", {"max_completion_tokens": 5},
     {"max_completion_tokens": 5}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "model", "given", "expected"), [case[1:] for case in LIMITS], ids=[case[0] for case in LIMITS]
)
def test_the_longest_answer(name: str, model: str, given: Members, expected: Members) -> None:
    body = sent(PROVIDERS[name].dialect, asked(**given), model)
    found = {key: value for key, value in body.items() if key.startswith("max_") and value is not None}
    assert found == expected


SPELLED: dict[str, tuple[bytes, bytes]] = {
    "as the vendor has it": (
        b'{"messages": [%b], "max_completion_tokens": 5}',
        b'{"messages": [%b], "max_completion_tokens": 5}',
    ),
    "under the other name": (b'{"messages": [%b], "max_tokens": 5}', b'{"messages": [%b], "max_completion_tokens": 5}'),
    "no bound": (b'{"messages": [%b], "temperature": 1.0}', b'{"messages": [%b], "temperature": 1.0}'),
    "null": (b'{"messages": [%b], "max_tokens": null}', b'{"messages": [%b], "max_tokens": null}'),
    "a text like the name": (
        b'{"stop":"max_tokens","messages":[{"role":"user","content":"\\"max_tokens\\":"},%b],"max_tokens":5}',
        b'{"stop":"max_tokens","messages":[{"role":"user","content":"\\"max_tokens\\":"},%b],"max_completion_tokens":5}',
    ),
    "a name before a space": (b'{"messages": [%b], "max_tokens" : 5}', b'{"messages":[%b],"max_completion_tokens":5}'),
    "a name with an escape": (
        b'{"max\\u005ftokens": 5, "messages": [%b]}',
        b'{"max_completion_tokens":5,"messages":[%b]}',
    ),
}


@pytest.mark.parametrize(("given", "expected"), SPELLED.values(), ids=SPELLED)
def test_but_for_the_name_of_its_bound_a_plain_request_leaves_as_it_came(given: bytes, expected: bytes) -> None:
    text, head = b'{"role": "user", "content": "Hi"}', b'{"model":"o3",'
    request = parse_chat_request(head + (given % text)[1:])
    made = adapted(OPENAI, request, candidate("o3"), is_stream=False)
    assert upstream_body(made, "o3", include_usage=False) == head + (expected % text)[1:]
    assert (made.notes is request.notes, made.told is request.told) == (True, True)


ON: Members = {"type": "enabled", "budget_tokens": 9000}
OFF: Members = {"type": "disabled"}
FREE: Members = {"type": "adaptive"}
THINKING: list[tuple[str, str, str, Members, Members, list[str]]] = [
    ("a budget is an effort", "openai", "gpt-6-luna", ON, {"reasoning_effort": "medium"}, ["thinking.budget_tokens"]),
    ("as the model sees fit is nothing", "openai", "gpt-6-luna", FREE, {}, []),
    ("off has a word", "openai", "gpt-6-luna", OFF, {"reasoning_effort": "none"}, []),
    ("which is another for some models", "openai", "gpt-5-mini", OFF, {"reasoning_effort": "minimal"}, []),
    ("and none for others", "openai", "o3", OFF, {}, ["thinking"]),
    ("a model that does not reason is not asked to", "openai", "gpt-4o", ON, {}, ["thinking"]),
    ("nor told not to", "openai", "gpt-4o", OFF, {}, []),
    ("a vendor that turns it on and off", "deepseek", "m", ON, {"thinking": {"type": "enabled"}},
     ["thinking.budget_tokens"]),
    ("off", "deepseek", "m", OFF, {"thinking": OFF}, []),
    ("as it sees fit is on", "zai", "m", FREE, {"thinking": {"type": "enabled"}}, []),
    ("a vendor with budgets", "openrouter", "m", ON, {"reasoning": {"max_tokens": 9000}}, []),
    ("on without a budget", "openrouter", "m", FREE, {"reasoning": {"enabled": True}}, []),
    ("off there", "openrouter", "m", OFF, {"reasoning": {"enabled": False}}, []),
    ("a vendor with a switch and a budget", "qwen", "m", ON, {"enable_thinking": True, "thinking_budget": 9000}, []),
    ("its switch alone", "qwen", "m", OFF, {"enable_thinking": False}, []),
    ("a vendor with a switch alone", "together", "m", ON, {"reasoning": {"enabled": True}}, ["thinking.budget_tokens"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "model", "thinking", "expected", "notes"),
    [case[1:] for case in THINKING],
    ids=[f"{case[1]}: {case[0]}" for case in THINKING],
)
def test_how_to_reason(name: str, model: str, thinking: Members, expected: Members, notes: list[str]) -> None:
    request = asked(thinking=thinking)
    body = sent(PROVIDERS[name].dialect, request, model)
    del body["messages"]
    assert body == expected
    assert [note.split(" ")[0] for note in request.notes] == notes


def test_thinking_wins_over_an_effort() -> None:
    assert sent(OPENAI, asked(thinking=ON, reasoning_effort="low"), "o3")["reasoning_effort"] == "medium"
    assert "reasoning_effort" not in sent(PROVIDERS["openrouter"].dialect, asked(thinking=ON, reasoning_effort="low"))


LEFT_OUT: list[tuple[str, Members, Members, list[str]]] = [
    ("what is refused goes", {"logit_bias": {"1": 2}, "seed": 1}, {"seed": 1}, ["logit_bias"]),
    ("what says nothing goes without a word", {"logprobs": False, "logit_bias": None, "n": 1}, {}, []),
    ("several choices are a loss", {"n": 2}, {}, ["n"]),
    ("trial features and marks of the cache go", {"betas": ["x"], "cache_control": MARK, "top_k": 5}, {},
     ["betas", "top_k", "cache_control"]),
    ("what nobody knows stays", {"x": 1, "documents": []}, {"x": 1, "documents": []}, []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "expected", "notes"), [case[1:] for case in LEFT_OUT], ids=[case[0] for case in LEFT_OUT]
)
def test_members_that_a_vendor_refuses(given: Members, expected: Members, notes: list[str]) -> None:
    request = asked(**given)
    body = sent(PROVIDERS["groq"].dialect, request)
    del body["messages"]
    assert body == expected
    assert [note.split(" ")[0] for note in request.notes] == notes


def test_tools_of_other_vendors_go_and_marks_of_the_cache_too() -> None:
    tools = [{**TOOL, "cache_control": MARK}, {"type": "web_search_20250305", "name": "web_search"}, TOOL]
    request = asked(tools=tools, tool_choice="auto")
    body = sent(PLAIN, request)
    assert body["tools"] == [TOOL, TOOL]
    assert body["tool_choice"] == "auto"
    assert len(request.notes) == 2


def test_without_a_tool_left_there_is_nothing_to_choose_from() -> None:
    request = asked(tools=[{"type": "computer_use"}], tool_choice="auto", parallel_tool_calls=False)
    assert sent(PLAIN, request) == {"messages": [HI]}


def test_tools_that_a_vendor_takes_stay_byte_for_byte() -> None:
    request = asked(tools=[TOOL, {"type": "custom", "custom": {"name": "c"}}], messages=[HI])
    wire = PLAIN.build(request, candidate(), is_stream=False)
    assert bytes(request.members["tools"]) in wire.body


def test_a_request_that_needs_nothing_is_not_copied() -> None:
    request = asked(temperature=1, messages=[HI, {"role": "assistant", "content": None, "tool_calls": [CALL]}])
    assert adapted(PLAIN, request, candidate(), is_stream=False) is request
