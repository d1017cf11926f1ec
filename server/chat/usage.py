"""Tokens in disjoint buckets: each token is in exactly one, so that none is billed twice."""

from msgspec import Struct


class Usage(Struct, frozen=True, omit_defaults=True, gc=False):
    """Tokens of one upstream call.

    `input_tokens` were neither read from nor written to a prompt cache, `output_tokens` are not reasoning.
    `is_estimated` says that the upstream reported nothing and we counted. What follows it are parts with a price of
    their own: of `cache_write_tokens` those that are kept for an hour, and sound in `input_tokens`, `cache_read_tokens`
    and `output_tokens`. `tier` is the service tier that the answer names, empty for the usual one.
    """

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    is_estimated: bool = False
    cache_write_1h_tokens: int = 0
    audio_input_tokens: int = 0
    audio_cache_read_tokens: int = 0
    audio_output_tokens: int = 0
    tier: str = ""

    @property
    def prompt_tokens(self) -> int:
        """All that went in, as OpenAI counts it."""
        return self.input_tokens + self.cache_read_tokens + self.cache_write_tokens

    @property
    def completion_tokens(self) -> int:
        """All that came out, as OpenAI counts it."""
        return self.output_tokens + self.reasoning_tokens

    @property
    def total_tokens(self) -> int:
        """Everything."""
        return (
            self.input_tokens
            + self.cache_read_tokens
            + self.cache_write_tokens
            + self.output_tokens
            + self.reasoning_tokens
        )
