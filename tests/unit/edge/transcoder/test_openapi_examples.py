"""Examples: written ones first, made ones that fit."""

from typing import Any

import msgspec
import pytest

from edge.transcoder.openapi_examples import BindingExample, Examples, Written
from edge.transcoder.openapi_schema import ANSWER, RAW_ANSWER, REQUEST, DocumentError, Schemas, Way
from edge.transcoder.profile import CANONICAL, PERPETUO, Profile
from tests.unit.edge.json_schema import problems
from tests.unit.edge.protos import compile_protos
from tests.unit.edge.transcoder.library import SOURCE, comments

POOL = compile_protos(SOURCE)
MESSAGES = ["Book", "Everything", "GetBookRequest", "PutBookRequest", "Nothing", "Question", "Reply"]


def message(name: str) -> Any:
    return POOL.FindMessageTypeByName(f"test.v1.{name}")


@pytest.mark.parametrize("name", MESSAGES)
@pytest.mark.parametrize("way", [REQUEST, ANSWER, RAW_ANSWER], ids=["request", "answer", "raw answer"])
@pytest.mark.parametrize("profile", [PERPETUO, CANONICAL], ids=lambda profile: profile.name)
def test_a_made_example_fits_the_schema(name: str, way: Way, profile: Profile) -> None:
    schemas = Schemas(profile, comments())
    reference, components = schemas.resolve(schemas.of_message(message(name), way))
    example = Examples(Written(), profile).of_message(message(name), way)
    assert problems(example, reference, {"components": {"schemas": components}}) == []


def test_an_answer_shows_every_member_and_a_request_what_it_is_about() -> None:
    examples = Examples(Written(), PERPETUO)
    answer = examples.of_message(message("Book"), ANSWER)
    assert answer["isbn"] == "isbn"
    assert answer["cover"] == "hard"
    assert answer["stock"] == {"name": 1}
    assert answer["translations"] == []
    assert "sequel" not in answer
    assert "isbn" not in examples.of_message(message("Book"), REQUEST)


def test_a_union_is_shown_by_its_first_alternative() -> None:
    assert Examples(Written(), PERPETUO).of_message(message("Texts"), RAW_ANSWER) == "text"


def test_what_is_written_goes_before_what_is_made() -> None:
    written = Written(fields={"name": "any", "Book.name": "Moby Dick", "isbn": "978"}, messages={"Extra": {"key": "k"}})
    examples = Examples(written, PERPETUO)
    assert examples.of_message(message("Book"), REQUEST)["name"] == "Moby Dick"
    assert examples.of_message(message("Book"), REQUEST)["isbn"] == "978"
    assert examples.of_message(message("GetBookRequest"), REQUEST)["name"] == "any"
    assert examples.of_message(message("Extra"), ANSWER) == {"key": "k"}
    assert examples.of_field(message("Book").fields_by_name["name"], ANSWER) == "Moby Dick"


def test_a_written_message_loses_the_members_that_a_binding_leaves_out() -> None:
    examples = Examples(Written(messages={"Book": {"name": "n", "price_usd": 1, "pages": 2}}), PERPETUO)
    assert examples.of_message(message("Book"), REQUEST, {"name", "price_nanousd"}) == {"pages": 2}


def test_a_binding_without_anything_written_has_nothing_set() -> None:
    found = Examples(Written(), PERPETUO).of_binding("GET /")
    assert found == BindingExample()
    assert found.request is msgspec.UNSET


def test_what_nobody_uses_is_named() -> None:
    written = Written(
        bindings={"GET /": BindingExample(), "GET /gone": BindingExample()},
        messages={"Gone": {}},
        fields={"Gone.field": 1, "Book.name": "n"},
    )
    examples = Examples(written, PERPETUO)
    examples.of_binding("GET /")
    examples.of_text(message("Book").fields_by_name["name"])
    with pytest.raises(DocumentError, match=r"not served: GET /gone, Gone, Gone\.field\Z"):
        examples.check_use()
