"""Who chooses the model, and how: what the member, the knob and the workspace say together."""

import pytest

from server.chat.view import Strategy
from server.errors import RequestInvalid
from server.routing.ask import Wish, wish_of
from server.routing.complexity import Complexity
from tests.unit.server.routing.worlds import ask

CASES: list[tuple[str, str | None, Strategy | None, Strategy, Wish]] = [
    ("no model", None, None, "reliable", Wish("", False, "reliable")),
    ("auto", "auto", None, "default", Wish("", False, "default")),
    ("auto:fast is a strategy", "auto:fast", None, "default", Wish("", False, "fastest")),
    ("auto:cheap is a strategy", "auto:cheap", None, "reliable", Wish("", False, "cheapest")),
    ("a knob goes before auto:fast", "auto:fast", "reliable", "default", Wish("", False, "reliable")),
    ("auto:best is a tier, whatever the strategy", "auto:best", "cheapest", "default", Wish("", True, "cheapest")),
    ("a named model keeps the workspace's strategy", "m", None, "cheapest", Wish("m", False, "cheapest")),
    ("a knob goes before the workspace", "m", "fastest", "cheapest", Wish("m", False, "fastest")),
    ("a model that only begins like auto", "autumn", None, "default", Wish("autumn", False, "default")),
]


@pytest.mark.parametrize(
    ("model", "knob", "policy", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_wishes(model: str | None, knob: Strategy | None, policy: Strategy, expected: Wish) -> None:
    assert wish_of(model, knob, policy) == expected


def test_an_unknown_auto_names_the_known_ones() -> None:
    with pytest.raises(RequestInvalid, match="auto, auto:fast, auto:cheap, auto:best") as caught:
        wish_of("auto:good", None, "default")
    assert caught.value.param == "model"


def test_the_quality_needed_goes_with_the_class_unless_a_model_is_named() -> None:
    assert [ask(complexity=level).quality_needed for level in Complexity] == [2, 3, 4, 5]
    assert ask(wants_best=True).quality_needed == 5
    assert ask("m", complexity=Complexity.EXPERT).quality_needed is None
