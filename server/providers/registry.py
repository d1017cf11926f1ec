"""The providers that Perpetuo knows: one row each, and the only place in the tree where their names stand.

A provider that speaks OpenAI's dialect is one row here and a golden folder under `tests/providers/`. What differs
between vendors is a field of a row or of its dialect. Base URLs and models are those of the vendors' documentation.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from server.providers.anthropic.dialect import AnthropicDialect
from server.providers.dialect import Dialect
from server.providers.openai import OpenAiDialect


@dataclass(frozen=True, slots=True)
class Provider:
    """A vendor, or a kind of server that one runs oneself.

    `default_base_url` is empty where every entry must name its own. `default_models` are those that are listed and
    chosen from when an entry has no list. `key_env` is the environment variable that usually holds the key, empty if no
    key is needed. A built-in provider is part of the gateway: no address, no key, and no models beyond those listed.
    """

    name: str
    display_name: str
    dialect: Dialect
    default_base_url: str = ""
    default_models: tuple[str, ...] = ()
    key_env: str = ""
    is_builtin: bool = False


_OPENAI: Final = OpenAiDialect()

_ROWS: Final = (
    Provider(
        "openai",
        "OpenAI",
        _OPENAI,
        "https://api.openai.com/v1",
        (
            "gpt-6.1-sol",
            "gpt-6.1-terra",
            "gpt-6-luna",
            "gpt-5.4-mini",
            "gpt-4.1",
            "gpt-4.1-mini",
            "gpt-4o",
            "gpt-4o-mini",
        ),
        "OPENAI_API_KEY",
    ),
    Provider(
        "anthropic",
        "Anthropic",
        AnthropicDialect(),
        "https://api.anthropic.com",
        (
            "claude-opus-5-5",
            "claude-sonnet-5-5",
            "claude-haiku-5-5",
            "claude-fable-5-1",
            "claude-opus-4-6",
            "claude-sonnet-4-6",
            "claude-haiku-4-5",
        ),
        "ANTHROPIC_API_KEY",
    ),
    Provider("openai-compatible", "Any OpenAI-compatible server", _OPENAI),
    Provider(
        "groq",
        "Groq",
        _OPENAI,
        "https://api.groq.com/openai/v1",
        ("openai/gpt-oss-120b", "openai/gpt-oss-20b", "qwen/qwen3.8-27b"),
        "GROQ_API_KEY",
    ),
    Provider(
        "together",
        "Together AI",
        _OPENAI,
        "https://api.together.xyz/v1",
        ("moonshotai/Kimi-K3", "zai-org/GLM-5.3", "deepseek-ai/DeepSeek-V4.1-Flash", "Qwen/Qwen3.5-9B"),
        "TOGETHER_API_KEY",
    ),
    Provider(
        "fireworks",
        "Fireworks AI",
        _OPENAI,
        "https://api.fireworks.ai/inference/v1",
        (
            "accounts/fireworks/models/kimi-k3",
            "accounts/fireworks/models/glm-5p3",
            "accounts/fireworks/models/deepseek-v4p1-flash",
            "accounts/fireworks/models/gpt-oss-20b",
        ),
        "FIREWORKS_API_KEY",
    ),
    Provider(
        "deepseek",
        "DeepSeek",
        _OPENAI,
        "https://api.deepseek.com/v1",
        ("deepseek-v4-flash", "deepseek-v4-pro"),
        "DEEPSEEK_API_KEY",
    ),
    Provider(
        "xai",
        "xAI",
        _OPENAI,
        "https://api.x.ai/v1",
        ("grok-4.7", "grok-4.3", "grok-4.20-0309-non-reasoning"),
        "XAI_API_KEY",
    ),
    Provider(
        "openrouter",
        "OpenRouter",
        OpenAiDialect(check_path="/key"),  # its list of models is public
        "https://openrouter.ai/api/v1",
        (
            "openai/gpt-6.1-sol",
            "anthropic/claude-sonnet-5.5",
            "anthropic/claude-haiku-5.5",
            "openai/gpt-4o-mini",
            "deepseek/deepseek-v4-flash",
        ),
        "OPENROUTER_API_KEY",
    ),
    Provider(
        "mistral",
        "Mistral AI",
        OpenAiDialect(
            takes_stream_options=False, renamed=(("max_completion_tokens", "max_tokens"), ("seed", "random_seed"))
        ),
        "https://api.mistral.ai/v1",
        ("mistral-large-latest", "mistral-medium-latest", "mistral-small-latest"),
        "MISTRAL_API_KEY",
    ),
    Provider("ollama", "Ollama", _OPENAI, "http://127.0.0.1:11434/v1"),
    Provider("vllm", "vLLM", _OPENAI),
    Provider(
        "demo",
        "Demo",
        _OPENAI,
        "demo:",
        ("echo", "slow", "tool", "json", "error-429", "error-500", "flaky", "long"),
        is_builtin=True,
    ),
)

PROVIDERS: Final[Mapping[str, Provider]] = MappingProxyType({row.name: row for row in _ROWS})
"""Every provider by its name."""


def closest_providers(name: str) -> tuple[str, ...]:
    """Up to three names of providers that look like `name`, the nearest first; for messages."""
    return tuple(difflib.get_close_matches(name.strip().lower(), PROVIDERS, n=3, cutoff=0.5))
