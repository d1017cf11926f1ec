"""The members of a Converse request."""

from typing import Any

import pytest

from server.providers.bedrock.body import JSON_WORDS
from tests.unit.server.providers.bedrock.asked import CLAUDE, LLAMA, NOVA, OSS, SAID, built

Json = dict[str, Any]
EXTRA = "additionalModelRequestFields"
GUARD: Json = {"guardrailIdentifier": "a", "guardrailVersion": "1"}
NEW = "global.anthropic.claude-opus-5-5"

CASES: list[tuple[str, str, Json, Json, list[str]]] = [
    ("nothing more", CLAUDE, {}, {}, []),
    ("bounds, samples, stops", CLAUDE,
     {"max_tokens": 9, "max_completion_tokens": 7, "temperature": 0.5, "stop": ["a", " "]},
     {"inferenceConfig": {"maxTokens": 7, "temperature": 0.5, "stopSequences": ["a"]}}, ["stop"]),
    ("one sample of two for Claude", CLAUDE, {"temperature": 1.5, "top_p": 0.5},
     {"inferenceConfig": {"temperature": 1}}, ["temperature", "top_p"]),
    ("both for others", LLAMA, {"temperature": 0.5, "top_p": 0.5},
     {"inferenceConfig": {"temperature": 0.5, "topP": 0.5}}, []),
    ("a model that takes none", NEW, {"temperature": 0.5, "top_p": 0.5, "top_k": 5}, {},
     ["temperature", "top_p", "top_k"]),
    ("top_k of Claude", CLAUDE, {"top_k": 5}, {EXTRA: {"top_k": 5}}, []),
    ("top_k of Nova", NOVA, {"top_k": 5}, {EXTRA: {"inferenceConfig": {"topK": 5}}}, []),
    ("top_k of others", LLAMA, {"top_k": 5}, {}, ["top_k"]),
    ("a budget of Claude's, which samples no more", CLAUDE,
     {"thinking": {"type": "enabled", "budget_tokens": 2000}, "max_tokens": 4000, "temperature": 0.5},
     {EXTRA: {"thinking": {"type": "enabled", "budget_tokens": 2000}}, "inferenceConfig": {"maxTokens": 4000}},
     ["temperature"]),
    ("an effort of Claude's", NEW, {"reasoning_effort": "high"}, {"outputConfig": {"effort": "high"}}, []),
    ("an effort of Nova's", NOVA, {"reasoning_effort": "minimal"},
     {EXTRA: {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}}}, []),
    ("a budget of Nova's", NOVA, {"thinking": {"type": "enabled", "budget_tokens": 30000}},
     {EXTRA: {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}}}, ["thinking.budget_tokens"]),
    ("as Nova sees fit", NOVA, {"thinking": {"type": "adaptive"}},
     {EXTRA: {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}}}, []),
    ("no reasoning of Nova's", NOVA, {"reasoning_effort": "none"}, {EXTRA: {"reasoningConfig": {"type": "disabled"}}},
     []),
    ("an effort by its name", OSS, {"reasoning_effort": "low"}, {EXTRA: {"reasoning_effort": "low"}}, []),
    ("a model that is not told", LLAMA, {"reasoning_effort": "low"}, {}, ["reasoning_effort"]),
    ("nor told not to", LLAMA, {"thinking": {"type": "disabled"}}, {}, []),
    ("tiers and labels", CLAUDE, {"service_tier": "flex", "metadata": {"a": "b"}},
     {"serviceTier": {"type": "flex"}, "requestMetadata": {"a": "b"}}, []),
    ("a tier that nobody knows", CLAUDE, {"service_tier": "scale"}, {}, ["service_tier"]),
    ("too many labels", CLAUDE, {"metadata": {str(n): "b" for n in range(17)}}, {}, ["metadata"]),
    ("any JSON, in words", CLAUDE, {"response_format": {"type": "json_object"}}, {"system": [{"text": JSON_WORDS}]},
     ["response_format"]),
    ("members of its own pass", CLAUDE,
     {"guardrailConfig": GUARD, "performanceConfig": {"latency": "optimized"}, EXTRA: {"top_k": 9}, "top_k": 5},
     {"guardrailConfig": GUARD, "performanceConfig": {"latency": "optimized"}, EXTRA: {"top_k": 9}}, []),
    ("what it does not have is lost", CLAUDE, {"seed": 1, "n": 2, "logprobs": True, "x": 1}, {},
     ["seed", "n", "logprobs", "x"]),
    ("a mark on the whole is told", CLAUDE, {"cache_control": {"type": "ephemeral"}}, {}, ["cache_control"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("model", "given", "expected", "notes"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_members(model: str, given: Json, expected: Json, notes: list[str]) -> None:
    body, noted = built(model, **given)
    assert body == {"messages": [SAID]} | expected
    assert [note.split(" ")[0] for note in noted] == notes
