"""The members of a request."""

from typing import Any

import pytest

from tests.unit.server.providers.responses.asked import HI, built

Json = dict[str, Any]
ENCRYPTED = ["reasoning.encrypted_content"]

CASES: list[tuple[str, str, Json, Json, list[str]]] = [
    ("nothing more", "gpt-5.4", {}, {}, []),
    ("samples, tiers and labels stay", "gpt-5.4",
     {"temperature": 0.5, "top_p": 0.9, "metadata": {"a": "b"}, "user": "u", "service_tier": "flex",
      "prompt_cache_key": "k", "safety_identifier": "s"},
     {"temperature": 0.5, "top_p": 0.9, "metadata": {"a": "b"}, "user": "u", "service_tier": "flex",
      "prompt_cache_key": "k", "safety_identifier": "s"}, []),
    ("the stricter bound", "gpt-5.4", {"max_tokens": 90, "max_completion_tokens": 50}, {"max_output_tokens": 50}, []),
    ("no bound below the least", "gpt-5.4", {"max_tokens": 1}, {"max_output_tokens": 16}, ["max_tokens"]),
    ("members of its own pass", "gpt-5.4", {"previous_response_id": "resp_1", "truncation": "auto"},
     {"previous_response_id": "resp_1", "truncation": "auto"}, []),
    ("what it does not have is lost", "gpt-5.4",
     {"stop": ["a"], "seed": 1, "n": 2, "logit_bias": {"1": 1}, "presence_penalty": 1, "top_k": 5, "x": 1}, {},
     ["stop", "seed", "n", "logit_bias", "presence_penalty", "top_k", "x"]),
    ("what says nothing is not", "gpt-5.4", {"n": 1, "presence_penalty": 0, "logprobs": False, "stop": None}, {}, []),
    ("verbosity", "gpt-5.4", {"verbosity": "low"}, {"text": {"verbosity": "low"}}, []),
    ("an effort", "gpt-5.4", {"reasoning_effort": "high"}, {"reasoning": {"effort": "high"}}, []),
    ("thinking wants to be seen", "gpt-5.4", {"thinking": {"type": "adaptive"}, "reasoning_effort": "low"},
     {"reasoning": {"effort": "low", "summary": "auto"}}, []),
    ("a budget is an effort", "gpt-5.4", {"thinking": {"type": "enabled", "budget_tokens": 9000}},
     {"reasoning": {"effort": "medium", "summary": "auto"}}, ["thinking.budget_tokens"]),
    ("no thinking", "gpt-5.4", {"thinking": {"type": "disabled"}}, {"reasoning": {"effort": "none"}}, []),
    ("no thinking of another model", "gpt-5-mini", {"thinking": {"type": "disabled"}},
     {"reasoning": {"effort": "minimal"}}, []),
    ("no thinking where no word is known", "o3", {"thinking": {"type": "disabled"}}, {}, ["thinking"]),
    ("reasoning as the vendor writes it", "gpt-5.4", {"reasoning": {"effort": "low", "summary": "detailed"}},
     {"reasoning": {"effort": "low", "summary": "detailed"}}, []),
    ("marks of the cache", "gpt-5.4", {"cache_control": {"type": "ephemeral"}}, {}, ["cache_control"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "given", "expected", "notes"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_members(model: str, given: Json, expected: Json, notes: list[str]) -> None:
    body, noted = built(model, **given)
    always = {"model": model, "input": [HI], "store": False, "include": ENCRYPTED}
    assert body == always | expected
    assert [note.split(" ")[0] for note in noted] == notes


def test_a_model_that_does_not_reason_is_asked_for_none() -> None:
    body, notes = built("gpt-4o", thinking={"type": "enabled", "budget_tokens": 2000})
    assert not {"include", "reasoning"} & body.keys()
    assert notes == ["thinking is not sent: the model does not reason."]
    assert built("gpt-4o", thinking={"type": "disabled"})[1] == []


def test_log_probabilities_and_what_else_is_to_be_included() -> None:
    body, _ = built(logprobs=True, top_logprobs=3, include=["file_search_call.results", *ENCRYPTED])
    assert body["include"] == ["file_search_call.results", *ENCRYPTED, "message.output_text.logprobs"]
    assert body["top_logprobs"] == 3


def test_what_the_caller_wants_kept_is_kept() -> None:
    assert built(store=True)[0]["store"] is True
