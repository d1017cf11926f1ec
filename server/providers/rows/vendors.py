"""Vendors that speak OpenAI's dialect: a row each, with their quirks as data.

Base URLs, models and quirks are those of the vendors' documentation.
"""

from typing import Final

from server.providers.late import DialectMaker, LateNative
from server.providers.openai import OpenAiDialect, UsageForm
from server.providers.openai.embeddings import MOST_INPUTS, MOST_TOKENS, EmbeddingForm, embedder
from server.providers.openai.vendor import MEDIA, PARTS, TOOLS
from server.providers.prefill import Prefill
from server.providers.provider import Provider

_CACHED: Final = ("cached_tokens", "prompt_tokens_details.cached_tokens")
OLD_MODELS: Final = ("gpt-3.5", "gpt-4", "chatgpt-4o", "ft:gpt-3.5", "ft:gpt-4")

"""What the names of OpenAI's models begin with that do not reason."""
CLAUDE_WITH_PREFILL: Final = ("claude-3", "claude-opus-4.1", "claude-opus-4.5", "claude-sonnet-4.5", "claude-haiku-4.5")
"""Parts of the names of Claude's models that take a prefill, where the catalogue may not know them."""
EFFORT_OFF: Final = (("gpt-5.", "none"), ("gpt-5", "minimal"), ("gpt-", "none"))
"""By which effort OpenAI's models do not reason."""


def responses_native() -> DialectMaker:
    """The dialect for requests to OpenAI's Responses, see `LateNative`."""
    from server.providers.responses.native import NativeResponses

    return NativeResponses


OPENAI: Final = OpenAiDialect(
    limit="max_completion_tokens",
    old_limit_models=OLD_MODELS,
    developer="developer",
    effort_off=EFFORT_OFF,
)

VENDORS: Final = (
    Provider(
        "openai",
        "OpenAI",
        OPENAI,
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
        natives={
            "embeddings": embedder(EmbeddingForm(MOST_INPUTS, MOST_TOKENS, takes_base64=True)),
            "responses": LateNative(responses_native),
        },
    ),
    Provider(
        "groq",
        "Groq",
        OpenAiDialect(
            left_out=("logprobs", "top_logprobs", "logit_bias", "n"),
            limit="max_completion_tokens",
            tools=(*TOOLS, "browser_search", "code_interpreter"),
            takes_names=False,
            reasoning_name="reasoning",
            usage=UsageForm(("x_groq.usage",)),
        ),
        "https://api.groq.com/openai/v1",
        ("openai/gpt-oss-120b", "openai/gpt-oss-20b", "qwen/qwen3.8-27b"),
        "GROQ_API_KEY",
    ),
    Provider(
        "together",
        "Together AI",
        OpenAiDialect(
            limit="max_tokens",
            takes=frozenset({"top_k"}),
            parts=MEDIA,
            thinking="reasoning_enabled",
            reasoning_name="reasoning",
            usage=UsageForm(moved=(_CACHED,)),
        ),
        "https://api.together.xyz/v1",
        ("moonshotai/Kimi-K3", "zai-org/GLM-5.3", "deepseek-ai/DeepSeek-V4.1-Flash", "Qwen/Qwen3.5-9B"),
        "TOGETHER_API_KEY",
        natives={"embeddings": embedder(EmbeddingForm(takes_tokens=False, dimensions=""))},
    ),
    Provider(
        "fireworks",
        "Fireworks AI",
        OpenAiDialect(takes=frozenset({"top_k"}), parts=MEDIA, reasoning_back="with_calls"),
        "https://api.fireworks.ai/inference/v1",
        (
            "accounts/fireworks/models/kimi-k3",
            "accounts/fireworks/models/glm-5p3",
            "accounts/fireworks/models/deepseek-v4p1-flash",
            "accounts/fireworks/models/gpt-oss-20b",
        ),
        "FIREWORKS_API_KEY",
        natives={"embeddings": embedder(EmbeddingForm(takes_tokens=False))},
    ),
    Provider(
        "deepseek",
        "DeepSeek",
        OpenAiDialect(limit="max_tokens", left_out=("n",), thinking="thinking", reasoning_back="with_calls"),
        "https://api.deepseek.com/v1",
        ("deepseek-v4-flash", "deepseek-v4-pro"),
        "DEEPSEEK_API_KEY",
        prefill=Prefill("prefix", version_path="/beta"),
    ),
    Provider(
        "xai",
        "xAI",
        OpenAiDialect(limit="max_completion_tokens", usage=UsageForm(adds_reasoning=True)),
        "https://api.x.ai/v1",
        ("grok-4.7", "grok-4.3", "grok-4.20-0309-non-reasoning"),
        "XAI_API_KEY",
        otel_name="x_ai",
    ),
    Provider(
        "openrouter",
        "OpenRouter",
        OpenAiDialect(
            takes=frozenset({"cache_control", "reasoning_details", "top_k"}),
            parts=MEDIA,
            tools=(*TOOLS, "openrouter:"),
            thinking="reasoning",
            reasoning_back="always",
            reasoning_name="reasoning",
            check_path="/key",  # its list of models is public
        ),
        "https://openrouter.ai/api/v1",
        (
            "openai/gpt-6.1-sol",
            "anthropic/claude-sonnet-5.5",
            "anthropic/claude-haiku-5.5",
            "openai/gpt-4o-mini",
            "deepseek/deepseek-v4-flash",
        ),
        "OPENROUTER_API_KEY",
        prefill=Prefill(models=CLAUDE_WITH_PREFILL),
        natives={"embeddings": embedder()},
    ),
    Provider(
        "perplexity",
        "Perplexity",
        OpenAiDialect(
            left_out=("logprobs", "top_logprobs", "logit_bias", "n", "seed", "parallel_tool_calls", "service_tier"),
            limit="max_tokens",
            takes=frozenset({"top_k"}),
            parts=PARTS | {"file_url"},
            usage=UsageForm(moved=(("reasoning_tokens", "completion_tokens_details.reasoning_tokens"),)),
            check_path="/async/chat/completions",  # it lists no models
        ),
        "https://api.perplexity.ai",
        ("sonar", "sonar-pro", "sonar-reasoning-pro"),
        "PERPLEXITY_API_KEY",
    ),
    Provider(
        "cerebras",
        "Cerebras",
        OpenAiDialect(
            left_out=("frequency_penalty", "presence_penalty", "logit_bias", "n", "store", "metadata"),
            limit="max_completion_tokens",
            reasoning_back="always",
            reasoning_name="reasoning",
        ),
        "https://api.cerebras.ai/v1",
        ("gpt-oss-120b", "qwen-3.8-27b", "gemma-4-31b"),
        "CEREBRAS_API_KEY",
    ),
    Provider(
        "nvidia",
        "NVIDIA NIM",
        OpenAiDialect(limit="max_tokens", left_out=("store", "metadata", "service_tier"), parts=MEDIA),
        "https://integrate.api.nvidia.com/v1",
        key_env="NVIDIA_API_KEY",
        natives={"embeddings": embedder(EmbeddingForm(takes_tokens=False))},
    ),
    Provider(
        "huggingface",
        "Hugging Face",
        OpenAiDialect(limit="max_tokens", parts=MEDIA, reasoning_name="reasoning"),
        "https://router.huggingface.co/v1",
        key_env="HF_TOKEN",
    ),
    Provider(
        "moonshot",
        "Moonshot AI",
        OpenAiDialect(
            limit="max_completion_tokens",
            parts=MEDIA,
            tools=(*TOOLS, "builtin_function"),
            thinking="thinking",
            reasoning_back="with_calls",
            usage=UsageForm(("choices.0.usage",), (_CACHED,)),
        ),
        "https://api.moonshot.ai/v1",
        ("kimi-k3", "kimi-k3.1-pro", "kimi-k2.7-code", "kimi-k2.6"),
        "MOONSHOT_API_KEY",
        prefill=Prefill("partial"),
    ),
    Provider(
        "qwen",
        "Qwen (Alibaba Cloud Model Studio)",
        OpenAiDialect(
            limit="max_tokens",
            takes=frozenset({"cache_control", "top_k"}),
            parts=MEDIA | {"video"},
            thinking="enable_thinking",
            usage=UsageForm(
                moved=(("cache_creation_input_tokens", "prompt_tokens_details.cache_write_tokens"),),
            ),
        ),
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        key_env="DASHSCOPE_API_KEY",
        prefill=Prefill("partial"),
        natives={"embeddings": embedder(EmbeddingForm(10, takes_tokens=False))},
    ),
    Provider(
        "zai",
        "Z.ai (Zhipu)",
        OpenAiDialect(
            left_out=("frequency_penalty", "presence_penalty", "n", "seed", "logprobs", "top_logprobs", "logit_bias"),
            takes_stream_options=False,
            limit="max_tokens",
            parts=MEDIA,
            tools=(*TOOLS, "web_search", "retrieval"),
            takes_names=False,
            thinking="thinking",
            reasoning_back="always",
        ),
        "https://api.z.ai/api/paas/v4",
        ("glm-5.3", "glm-5.3-flash", "glm-5.2", "glm-5", "glm-4.7"),
        "ZAI_API_KEY",
        natives={"embeddings": embedder(EmbeddingForm(64, takes_tokens=False))},
    ),
    Provider(
        "minimax",
        "MiniMax",
        OpenAiDialect(
            left_out=("frequency_penalty", "presence_penalty", "logit_bias", "n", "reasoning_effort"),
            limit="max_completion_tokens",
            takes=frozenset({"reasoning_details"}),
            parts=frozenset({"text", "image_url", "video_url"}),
            thinking="none",
        ),
        "https://api.minimax.io/v1",
        ("MiniMax-M3", "MiniMax-M2.5"),
        "MINIMAX_API_KEY",
    ),
)
"""The vendors, in the order in which they are listed."""
