"""The body of a request to Cohere."""

from typing import Any

import pytest

from server.errors import ParamUnsupported
from server.providers.cohere.body import MAX_STOPS
from tests.unit.server.providers.cohere.asked import PLAIN, REASONS, build

SAMPLING: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    (
        "what it takes passes",
        {"temperature": 0.5, "top_p": 0.9, "top_k": 5},
        {"temperature": 0.5, "p": 0.9, "k": 5},
        "",
    ),
    ("a higher temperature is 1", {"temperature": 1.5}, {"temperature": 1.0}, "temperature"),
    ("all of the mass is nearly all, and nothing is lost", {"top_p": 1}, {"p": 0.99}, ""),
    ("no mass is a little", {"top_p": 0}, {"p": 0.01}, "top_p"),
    ("too many tokens to choose from", {"top_k": 501}, {"k": 500}, "top_k"),
    ("a penalty that rewards", {"presence_penalty": -1}, {"presence_penalty": 0.0}, "presence_penalty"),
    ("a higher penalty is 1", {"frequency_penalty": 1.5}, {"frequency_penalty": 1.0}, "frequency_penalty"),
    ("a seed", {"seed": 2**64 - 1}, {"seed": 2**64 - 1}, ""),
    ("a seed below 0", {"seed": -1}, {}, "seed"),
    ("the stricter of two bounds", {"max_tokens": 9, "max_completion_tokens": 7}, {"max_tokens": 7}, ""),
    ("a stop is a list", {"stop": "END"}, {"stop_sequences": ["END"]}, ""),
    ("an empty stop says nothing", {"stop": ["", "a"]}, {"stop_sequences": ["a"]}, ""),
    ("too many stops", {"stop": list("abcdef")}, {"stop_sequences": list("abcdef")[:MAX_STOPS]}, "stop"),
    ("log-probabilities", {"logprobs": True}, {"logprobs": True}, ""),
    ("log-probabilities of others", {"logprobs": True, "top_logprobs": 3}, {"logprobs": True}, "top_logprobs"),
    ("its own members pass", {"safety_mode": "OFF", "priority": 3}, {"safety_mode": "OFF", "priority": 3}, ""),
    ("one answer only", {"n": 2}, {}, "n"),
    ("a member that nobody knows", {"x_unknown": 1}, {}, "x_unknown"),
]


@pytest.mark.parametrize(("given", "sent", "lost"), [case[1:] for case in SAMPLING], ids=[case[0] for case in SAMPLING])
def test_a_member(given: dict[str, Any], sent: dict[str, Any], lost: str) -> None:
    built = build(given)
    assert {name: value for name, value in built.body.items() if name not in ("model", "messages")} == sent
    assert [note.split()[0] for note in built.notes] == ([lost] if lost else [])
    if lost:
        with pytest.raises(ParamUnsupported) as caught:
            build(given, strict=True)
        assert caught.value.param == lost


THINKING: list[tuple[str, str, dict[str, Any], object, str]] = [
    ("nothing is asked", REASONS, {}, None, ""),
    ("an effort is a budget", REASONS, {"reasoning_effort": "high"}, {"type": "enabled", "token_budget": 24576}, ""),
    ("no effort", REASONS, {"reasoning_effort": "none"}, {"type": "disabled"}, ""),
    ("a word that nobody knows", REASONS, {"reasoning_effort": "huge"}, None, "reasoning_effort"),
    (
        "a budget wins over an effort",
        REASONS,
        {"thinking": {"type": "enabled", "budget_tokens": 2000}, "reasoning_effort": "high"},
        {"type": "enabled", "token_budget": 2000},
        "",
    ),
    ("as it sees fit", REASONS, {"thinking": {"type": "adaptive"}}, {"type": "enabled"}, ""),
    ("off", REASONS, {"thinking": {"type": "disabled"}}, {"type": "disabled"}, ""),
    ("a model that does not reason", PLAIN, {"reasoning_effort": "low"}, None, "reasoning_effort"),
    ("off, for one that does not reason", PLAIN, {"thinking": {"type": "disabled"}}, None, ""),
]


@pytest.mark.parametrize(
    ("model", "given", "sent", "lost"), [case[1:] for case in THINKING], ids=[case[0] for case in THINKING]
)
def test_how_much_to_reason(model: str, given: dict[str, Any], sent: object, lost: str) -> None:
    built = build(given, model=model)
    assert built.body.get("thinking") == sent
    assert [note.split()[0] for note in built.notes] == ([lost] if lost else [])
