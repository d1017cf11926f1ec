"""The profiles say what they are named for."""

from edge.transcoder.profile import CANONICAL, MAX_JSON_DEPTH, PERPETUO


def test_the_canonical_profile_is_proto3_json() -> None:
    assert not CANONICAL.snake_case
    assert not CANONICAL.int64_as_number
    assert not CANONICAL.emit_implicit_zero
    assert not CANONICAL.short_enum_names


def test_our_profile_is_the_documented_rest() -> None:
    assert PERPETUO.snake_case
    assert PERPETUO.int64_as_number
    assert PERPETUO.emit_implicit_zero
    assert PERPETUO.refuse_unknown_members


def test_nesting_is_bounded_below_the_limit_of_the_message_parser() -> None:
    assert CANONICAL.max_depth == PERPETUO.max_depth == MAX_JSON_DEPTH < 100
