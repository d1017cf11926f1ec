"""Servers of open models that one runs oneself and that speak OpenAI's dialect, and any other that does.

Their addresses are those that the servers listen on by default; a server on another machine is named by its own.
"""

from typing import Final

from server.providers.openai import OpenAiDialect
from server.providers.openai.embeddings import EmbeddingForm, embedder
from server.providers.openai.vendor import MEDIA
from server.providers.prefill import Prefill
from server.providers.provider import Provider

SERVERS: Final = (
    # Of a server that nobody knows, what only one vendor can read back may be its own.
    Provider(
        "openai-compatible",
        "Any OpenAI-compatible server",
        OpenAiDialect(
            takes=frozenset({"top_k", "extra_content", "reasoning_details"}), parts=MEDIA, developer="developer"
        ),
        natives={"embeddings": embedder()},
    ),
    Provider(
        "ollama",
        "Ollama",
        OpenAiDialect(limit="max_tokens", reasoning_back="always", reasoning_name="reasoning"),
        "http://127.0.0.1:11434/v1",
        natives={"embeddings": embedder(EmbeddingForm(takes_tokens=False))},
    ),
    Provider(
        "vllm",
        "vLLM",
        OpenAiDialect(takes=frozenset({"top_k"}), parts=MEDIA, reasoning_back="always", reasoning_name="reasoning"),
        prefill=Prefill(members=(("continue_final_message", True), ("add_generation_prompt", False))),
        natives={"embeddings": embedder(EmbeddingForm(takes_base64=True))},
    ),
    Provider(
        "lmstudio",
        "LM Studio",
        OpenAiDialect(limit="max_tokens", takes=frozenset({"top_k"}), reasoning_name="reasoning"),
        "http://127.0.0.1:1234/v1",
        natives={"embeddings": embedder(EmbeddingForm(takes_tokens=False))},
    ),
    Provider(
        "llamacpp",
        "llama.cpp",
        OpenAiDialect(limit="max_tokens", takes=frozenset({"top_k"}), reasoning_back="always"),
        "http://127.0.0.1:8080/v1",
        prefill=Prefill(),
        natives={"embeddings": embedder(EmbeddingForm(dimensions=""))},
    ),
)
"""The servers, in the order in which they are listed."""
