"""Families of models by their ids."""

import pytest

from server.providers.bedrock.families import CLAUDE, family_of


@pytest.mark.parametrize(
    ("model", "reasoning", "takes_signed"),
    [
        ("anthropic.claude-opus-5-5", "claude", True),
        ("eu.anthropic.claude-opus-5-5", "claude", True),
        ("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3", "claude", True),
        ("us.amazon.nova-2-lite-v1:0", "nova", False),
        ("openai.gpt-oss-120b-1:0", "effort", False),
        ("meta.llama3-3-70b-instruct-v1:0", "none", False),
        ("arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", "none", True),
    ],
)
def test_the_family_of_a_model(model: str, reasoning: str, takes_signed: bool) -> None:
    family = family_of(model)
    assert (family.reasoning, family.takes_signed) == (reasoning, takes_signed)


def test_only_claude_is_kept_from_calling_in_parallel() -> None:
    assert CLAUDE.keeps_calls_apart
    assert not family_of("amazon.nova-pro-v1:0").keeps_calls_apart
