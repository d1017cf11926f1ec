"""Tokens in disjoint buckets add up as OpenAI counts them."""

from server.chat.usage import Usage


def test_the_sums() -> None:
    usage = Usage(
        input_tokens=1, cache_read_tokens=20, cache_write_tokens=300, output_tokens=4000, reasoning_tokens=50000
    )
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (321, 54000, 54321)


def test_nothing_used_is_nothing() -> None:
    assert Usage().total_tokens == 0
    assert not Usage().is_estimated


def test_parts_with_a_price_of_their_own_are_not_counted_again() -> None:
    usage = Usage(
        10,
        20,
        30,
        40,
        50,
        cache_write_1h_tokens=30,
        audio_input_tokens=9,
        audio_cache_read_tokens=8,
        audio_output_tokens=7,
    )
    assert (usage.prompt_tokens, usage.completion_tokens) == (60, 90)
