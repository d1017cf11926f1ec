"""Vendors with a wire of their own: a row each, with the dialect that speaks it.

Base URLs and models are those of the vendors' documentation.
"""

from typing import Final

from server.providers.anthropic.dialect import AnthropicDialect
from server.providers.provider import Provider

OWN_WIRES: Final = (
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
)
