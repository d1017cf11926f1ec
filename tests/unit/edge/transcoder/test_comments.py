"""Comments by name, and comments as text."""

import pytest

from edge.transcoder.comments import first_sentence, prose, read_comments
from tests.unit.edge.protos import describe_protos
from tests.unit.edge.transcoder.library import comments

SOURCE = """
syntax = "proto3";
// Not of anything.

package p;
// The outer one.
message Outer {
  // A choice.
  oneof choice {
    // The left one.
    string left = 1;
  }
  int32 bare = 2;
  // The inner one.
  message Inner {
    // Deep.
    string field = 1;
  }
  // How.
  enum How {
    // Not at all.
    HOW_NOT = 0;
  }
}
"""


def test_comments_stand_under_the_full_names_of_what_they_precede() -> None:
    found = read_comments(describe_protos(SOURCE))
    assert {name: text for name, text in found.items() if name.startswith("p.")} == {
        "p.Outer": "The outer one.",
        "p.Outer.choice": "A choice.",
        "p.Outer.left": "The left one.",
        "p.Outer.Inner": "The inner one.",
        "p.Outer.Inner.field": "Deep.",
        "p.Outer.How": "How.",
        "p.Outer.How.HOW_NOT": "Not at all.",
    }


def test_services_methods_and_enum_values_have_names_too() -> None:
    found = comments()
    assert found["test.v1.LibraryService"] == "Lends books."
    assert found["test.v1.LibraryService.GetBook"].startswith("One book.")
    assert found["test.v1.Cover.COVER_HARD"] == "With cloth."
    assert found["test.v1.Book.name"] == "The name of the book,\nin one word.\n\nNever empty."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("One\ntwo  three", "One two three", id="lines of a paragraph are joined"),
        pytest.param("One.\n\n\nTwo.", "One.\n\nTwo.", id="paragraphs stay apart"),
        pytest.param("", "", id="nothing is nothing"),
    ],
)
def test_a_comment_as_running_text(text: str, expected: str) -> None:
    assert prose(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Makes a key. Once.", "Makes a key", id="the full stop goes"),
        pytest.param("Makes a key\nand shows it. Once.", "Makes a key and shows it", id="over a line's end"),
        pytest.param("Costs 0.5 a piece, e.g. there. `X` too.", "Costs 0.5 a piece, e.g. there", id="not at any dot"),
        pytest.param("All\n\nNone", "All", id="a paragraph ends it"),
        pytest.param("", "", id="nothing is nothing"),
    ],
)
def test_the_first_sentence(text: str, expected: str) -> None:
    assert first_sentence(text) == expected
