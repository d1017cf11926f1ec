"""Vendors with a wire of their own: a row each, with the dialect that speaks it, imported when a workspace uses it.

Base URLs and models are those of the vendors' documentation.
"""

from typing import Final

from server.providers.bedrock.access import BedrockCredential
from server.providers.dialect import Dialect
from server.providers.late import DialectMaker, LateDialect, LateNative
from server.providers.openai import OpenAiDialect
from server.providers.openai.azure import AzureAccess, AzureCredential
from server.providers.openai.embeddings import MOST_INPUTS, MOST_TOKENS, EmbeddingForm, embedder
from server.providers.openai.mistral import MistralDialect
from server.providers.openai.vendor import PARTS
from server.providers.prefill import Prefill
from server.providers.provider import Provider
from server.providers.rows.vendors import EFFORT_OFF, OLD_MODELS, responses_native


def _anthropic() -> Dialect:
    from server.providers.anthropic.dialect import AnthropicDialect

    return AnthropicDialect()


def _anthropic_messages() -> DialectMaker:
    from server.providers.anthropic.native import NativeAnthropic

    return NativeAnthropic


def _google() -> Dialect:
    from server.providers.google.dialect import GoogleDialect

    return GoogleDialect()


def _google_embeddings() -> DialectMaker:
    from server.providers.google.embeddings import GoogleEmbeddings

    return GoogleEmbeddings


def _responses() -> Dialect:
    from server.providers.responses import ResponsesDialect

    return ResponsesDialect(plain_models=OLD_MODELS, effort_off=EFFORT_OFF)


def _bedrock() -> Dialect:
    from server.providers.bedrock.dialect import BedrockDialect

    return BedrockDialect()


def _cohere() -> Dialect:
    from server.providers.cohere.dialect import CohereDialect

    return CohereDialect()


def _cohere_embeddings() -> DialectMaker:
    from server.providers.cohere.embeddings import CohereEmbeddings

    return CohereEmbeddings


OWN_WIRES: Final = (
    Provider(
        "anthropic",
        "Anthropic",
        LateDialect(_anthropic),
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
        prefill=Prefill(must_be_known=True),
        natives={"messages": LateNative(_anthropic_messages)},
    ),
    Provider(
        "google",
        "Google Gemini",
        LateDialect(_google),
        "https://generativelanguage.googleapis.com/v1beta",
        (
            "gemini-4-argon",
            "gemini-3.8-flash",
            "gemini-3.5-flash",
            "gemini-3.5-flash-lite",
            "gemini-2.5-pro",
            "gemini-2.5-flash",
            "gemini-2.5-flash-lite",
        ),
        "GEMINI_API_KEY",
        natives={"embeddings": LateNative(_google_embeddings)},
        otel_name="gcp.gemini",
    ),
    Provider(
        "openai-responses",
        "OpenAI (Responses API)",
        LateDialect(_responses),
        "https://api.openai.com/v1",
        ("gpt-6.1-sol", "gpt-6.1-terra", "gpt-6-luna", "gpt-5.4-mini", "gpt-4.1-mini"),
        "OPENAI_API_KEY",
        natives={"responses": LateNative(responses_native)},
        otel_name="openai",
    ),
    Provider(
        "bedrock",
        "Amazon Bedrock",
        LateDialect(_bedrock),
        default_models=(
            "anthropic.claude-opus-5-5",
            "anthropic.claude-sonnet-5-5",
            "anthropic.claude-haiku-5-5",
            "amazon.nova-pro-v1:0",
            "amazon.nova-lite-v1:0",
            "openai.gpt-oss-120b-1:0",
        ),
        key_env="AWS_BEARER_TOKEN_BEDROCK",
        credential=BedrockCredential(),
        prefill=Prefill(models=("anthropic.claude",), must_be_known=True),
        base_url_form="https://bedrock-runtime.REGION.amazonaws.com",
        otel_name="aws.bedrock",
    ),
    Provider(
        "azure",
        "Azure OpenAI",
        OpenAiDialect(
            limit="max_completion_tokens",
            old_limit_models=OLD_MODELS,
            developer="developer",
            effort_off=EFFORT_OFF,
            access=AzureAccess(),
            own_name="azure",
        ),
        # Deployments have the names that their owners gave them, and that of their model unless told otherwise.
        default_models=("gpt-6.1-sol", "gpt-6.1-terra", "gpt-5.4-mini", "gpt-4.1", "gpt-4.1-mini", "gpt-4o"),
        key_env="AZURE_OPENAI_API_KEY",
        credential=AzureCredential(),
        base_url_form="https://RESOURCE.openai.azure.com",
        natives={
            "embeddings": embedder(EmbeddingForm(MOST_INPUTS, MOST_TOKENS, takes_base64=True, access=AzureAccess()))
        },
        otel_name="azure.ai.openai",
    ),
    Provider(
        "cohere",
        "Cohere",
        LateDialect(_cohere),
        "https://api.cohere.com",
        ("command-a-03-2025", "command-r-plus-08-2024", "command-r-08-2024", "command-r7b-12-2024"),
        "COHERE_API_KEY",
        natives={"embeddings": LateNative(_cohere_embeddings)},
    ),
    Provider(
        "mistral",
        "Mistral AI",
        MistralDialect(
            takes_stream_options=False,
            limit="max_tokens",
            renamed=(("seed", "random_seed"),),
            left_out=(
                "audio",
                "function_call",
                "functions",
                "logit_bias",
                "modalities",
                "prompt_cache_retention",
                "safety_identifier",
                "store",
                "user",
                "verbosity",
                "web_search_options",
            ),
            takes=frozenset({"extra_content", "top_k"}),
            parts=PARTS | {"document_url", "reference", "thinking"},
            tools=("function", "web_search", "image_generation", "document_library", "code_interpreter"),
            takes_names=False,
            reasoning_back="always",
            effort_off=(("", "none"),),
            own_name="mistral",
        ),
        "https://api.mistral.ai/v1",
        ("mistral-large-latest", "mistral-medium-latest", "mistral-small-latest"),
        "MISTRAL_API_KEY",
        prefill=Prefill("prefix", echoes=True),
        natives={"embeddings": embedder(EmbeddingForm(128, 16_000, takes_tokens=False, dimensions="output_dimension"))},
        otel_name="mistral_ai",
    ),
)
