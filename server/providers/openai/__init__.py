"""OpenAI's chat completions, and everybody who speaks like it."""

from server.providers.openai.dialect import OpenAiDialect, OpenAiStream
from server.providers.openai.vendor import UsageForm, Vendor

__all__ = ["OpenAiDialect", "OpenAiStream", "UsageForm", "Vendor"]
