"""What callers may write, and the parameter that each refusal names."""

import pytest

from server.accounts.validation import checked_email, checked_models, checked_range, checked_text, is_id
from server.errors import RequestInvalid


@pytest.mark.parametrize(
    ("email", "kept"),
    [
        pytest.param("your@email.com", "your@email.com", id="the documented one"),
        pytest.param(" Ana@Example.COM\n", "Ana@Example.COM", id="white space around it goes, its case stays"),
        pytest.param("a.b+tag@sub.example.co", "a.b+tag@sub.example.co", id="a tag and a subdomain"),
        pytest.param("demo@localhost", "demo@localhost", id="a host of one's own"),
        pytest.param("a" * 64 + "@example.com", "a" * 64 + "@example.com", id="the longest local part"),
    ],
)
def test_an_address_that_people_have_is_taken(email: str, kept: str) -> None:
    assert checked_email(email) == kept


@pytest.mark.parametrize(
    "email",
    [
        pytest.param("", id="nothing"),
        pytest.param("   ", id="white space"),
        pytest.param("ana", id="no at sign"),
        pytest.param("@example.com", id="no name"),
        pytest.param("ana@", id="no host"),
        pytest.param("ana@@example.com", id="two at signs"),
        pytest.param("ana@-example.com", id="a host that begins with a hyphen"),
        pytest.param("ana@example..com", id="two dots"),
        pytest.param("ana smith@example.com", id="a space inside"),
        pytest.param("ana@example.com\nbcc: x@example.com", id="a second line"),
        pytest.param("ana\x00@example.com", id="a NUL"),
        pytest.param("a" * 65 + "@example.com", id="too long a name"),
        pytest.param("a@" + ".".join(["b" * 60] * 5), id="too long in all"),
        pytest.param("a@" + "b." * 500_000, id="a megabyte"),
        pytest.param("\ud83d@example.com", id="half a character"),
    ],
)
def test_anything_else_is_refused(email: str) -> None:
    with pytest.raises(RequestInvalid) as raised:
        checked_email(email)
    assert raised.value.param == "email"


@pytest.mark.parametrize("text", ["", "Production Key", "Ключ №1 — 🔑", "x" * 200, "'; DROP TABLE users;--"])
def test_a_name_may_be_nearly_anything(text: str) -> None:
    assert checked_text(f" {text} ", "name") == text


@pytest.mark.parametrize("text", ["x" * 201, "a\x00b", "a\nb", "a\x1b[31m", "a\u2028b", "\ud83d"])
def test_a_name_has_no_control_characters_and_an_end(text: str) -> None:
    with pytest.raises(RequestInvalid) as raised:
        checked_text(text, "name")
    assert raised.value.param == "name"


def test_models_are_kept_once_in_their_order() -> None:
    assert checked_models(["b", " a ", "b"], "models", 3) == ("b", "a")


@pytest.mark.parametrize(
    ("models", "param"),
    [
        pytest.param(["a", "b", "c"], "models", id="too many"),
        pytest.param(["a", " "], "models[1]", id="an empty one"),
        pytest.param(["x" * 201], "models[0]", id="one that is too long"),
    ],
)
def test_a_list_of_models_names_the_item_at_fault(models: list[str], param: str) -> None:
    with pytest.raises(RequestInvalid) as raised:
        checked_models(models, "models", 2)
    assert raised.value.param == param


@pytest.mark.parametrize(("value", "is_in"), [(0, False), (1, True), (1000, True), (1001, False), (-1, False)])
def test_a_range_includes_its_bounds(value: int, *, is_in: bool) -> None:
    if is_in:
        assert checked_range(value, "priority", 1, 1000) == value
    else:
        with pytest.raises(RequestInvalid, match="priority must be 1 to 1000"):
            checked_range(value, "priority", 1, 1000)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        pytest.param("ws_123", True, id="a documented example is one"),
        pytest.param("usr_123", False, id="another prefix is not"),
        pytest.param("ws_" + "a" * 100, False, id="a long text is not"),
        pytest.param("ws_\x00", False, id="a control character is not"),
        pytest.param("ws_é", False, id="a letter beyond ASCII is not"),
    ],
)
def test_malformed_ids_are_told_apart_before_any_look_up(text: str, *, is_one: bool) -> None:
    assert is_id(text, "ws_") is is_one
