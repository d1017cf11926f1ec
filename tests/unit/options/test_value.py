"""What texts mean as values of options, and what is said of those that mean nothing."""

import re
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest

from options.secret import Secret
from options.value import Bounds, WrongValueError, check, encoded, read

NONE = Bounds()
PORT = Bounds(ge=0, le=65535)
Mode = Literal["auto", "open", "closed"]


@pytest.mark.parametrize(
    ("text", "kind", "means"),
    [
        pytest.param("a b", str, "a b", id="a text is itself"),
        pytest.param("", str, "", id="an empty text too"),
        pytest.param(" 12 ", int, 12, id="a number with space around it"),
        pytest.param("1e3", float, 1000.0, id="a number with an exponent"),
        pytest.param("inf", float, float("inf"), id="no bound"),
        pytest.param("5", float, 5.0, id="a whole number for a number"),
        *(
            pytest.param(text, bool, True, id=f"{text} is true")
            for text in ("1", "true", "TRUE", "t", "yes", "Y", "on")
        ),
        *(pytest.param(text, bool, False, id=f"{text} is false") for text in ("0", "False", "f", "no", "n", "OFF")),
        pytest.param("open", Mode, "open", id="one of several"),
        pytest.param(" a,b , ,c", tuple[str, ...], ("a", "b", "c"), id="names by commas"),
        pytest.param("", tuple[str, ...], (), id="no names"),
        pytest.param("/tmp/x", Path, Path("/tmp/x"), id="a path"),
        pytest.param("null", Path | None, Path("null"), id="a path that may be missing"),
        pytest.param("hush", Secret, Secret("hush"), id="a secret"),
    ],
)
def test_a_text_means(text: str, kind: Any, means: object) -> None:
    assert read(text, kind, NONE) == means


@pytest.mark.parametrize(
    ("text", "kind", "bounds", "complaint"),
    [
        ("x", int, NONE, "should be a whole number"),
        ("1.5", int, NONE, "should be a whole number"),
        ("", int, NONE, "should be a whole number"),
        ("65536", int, PORT, "should be a whole number, greater than or equal to 0 and less than or equal to 65535"),
        ("-1", int, PORT, "should be a whole number, greater than or equal to 0 and less than or equal to 65535"),
        ("0", float, Bounds(gt=0), "should be a number, greater than 0"),
        ("nan", float, Bounds(le=1), "should be a number, less than or equal to 1"),
        ("nan", float, NONE, "should be a number"),
        ("maybe", bool, NONE, "should be true or false"),
        ("shut", Mode, NONE, "should be auto, open or closed"),
        ("", str, Bounds(min_length=1), "should be a text, not shorter than 1"),
    ],
)
def test_a_text_that_means_nothing_is_refused(text: str, kind: Any, bounds: Bounds, complaint: str) -> None:
    with pytest.raises(WrongValueError, match=f"^{re.escape(complaint)}$"):
        read(text, kind, bounds)


@pytest.mark.parametrize(
    ("value", "kind", "is_taken_as"),
    [
        pytest.param(3, float, 3.0, id="a whole number"),
        pytest.param(["a", "b"], tuple[str, ...], ("a", "b"), id="names as JSON has them"),
        pytest.param("/tmp/x", Path | None, Path("/tmp/x"), id="a path as JSON has it"),
        pytest.param(None, Path | None, None, id="no path"),
        pytest.param(Path("/x"), Path, Path("/x"), id="a path as it is"),
        pytest.param("hush", Secret, Secret("hush"), id="a secret as JSON has it"),
        pytest.param(Secret("hush"), Secret, Secret("hush"), id="a secret as it is"),
    ],
)
def test_a_value_is_taken(value: object, kind: Any, is_taken_as: object) -> None:
    assert check(value, kind, NONE) == is_taken_as


@pytest.mark.parametrize(("value", "kind"), [("3", int), (3, str), (1, bool), (3, Path), (None, Secret)])
def test_a_value_of_another_type_is_refused(value: object, kind: Any) -> None:
    with pytest.raises(WrongValueError, match="should be"):
        check(value, kind, NONE)


def test_values_go_through_json_and_come_back() -> None:
    line = msgspec.json.encode([Path("/x"), Secret("hush")], enc_hook=encoded)
    assert line == b'["/x","hush"]'
    with pytest.raises(NotImplementedError):
        msgspec.json.encode([1j], enc_hook=encoded)
