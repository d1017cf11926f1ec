"""OpenAI's Responses API."""

from server.providers.responses.dialect import ResponsesDialect

__all__ = ["ResponsesDialect"]
