"""Percent escapes are decoded strictly."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.transcoder.percent import MalformedEscapeError, decode


@pytest.mark.parametrize(
    ("text", "whole", "keeping_slash"),
    [
        pytest.param("plain", "plain", "plain", id="nothing to decode"),
        pytest.param("a%20b", "a b", "a b", id="a space"),
        pytest.param("a%2Fb%2fc", "a/b/c", "a%2Fb%2fc", id="slashes stay as written if told so"),
        pytest.param("%2B+", "++", "++", id="a plus is a plus"),
        pytest.param("%C3%A9", "é", "é", id="two bytes of one character"),
        pytest.param("%252F", "%2F", "%2F", id="an escaped percent sign is decoded once"),
        pytest.param("é%2F", "é/", "é%2F", id="characters beside escapes"),
        pytest.param("%00", "\x00", "\x00", id="a zero byte"),
    ],
)
def test_escapes_are_decoded(text: str, whole: str, keeping_slash: str) -> None:
    assert decode(text) == whole
    assert decode(text, keep_slash=True) == keeping_slash


@pytest.mark.parametrize(
    "text", ["%", "%z", "%zz", "a%2", "%+1", "% 1", "%0x41", "%٣٣", "%ff", "%C3", "%C3/%A9", "%ED%A0%80"]
)
def test_a_malformed_escape_is_an_error(text: str) -> None:
    with pytest.raises(MalformedEscapeError):
        decode(text)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_what_was_quoted_comes_back(text: str) -> None:
    assert decode(quote(text, safe="")) == text
