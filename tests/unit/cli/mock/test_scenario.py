"""The grammar of scenarios."""

import pytest

from cli.mock.parts import PARTS, Kind
from cli.mock.scenario import ScenarioUnknownError, parse_scenario


def test_no_text_is_no_fault() -> None:
    assert parse_scenario("").faults == {}


def test_faults_are_combined_with_plus_and_carry_parameters() -> None:
    scenario = parse_scenario("slow?ms=5&n=7+crlf+status-429?retry_after=a%2Bb")
    assert scenario.number("slow", "ms") == 5
    assert scenario.number("slow", "n") == 7
    assert "crlf" in scenario
    assert scenario.status == 429
    assert scenario.value("status-NNN", "retry_after") == "a+b"


def test_a_missing_parameter_has_its_default() -> None:
    assert parse_scenario("cut-at").number("cut-at", "byte") == 500
    assert parse_scenario("redirect").value("redirect", "location") == "/elsewhere"


def test_a_fault_of_the_catalogue_is_its_parts_and_can_be_combined() -> None:
    scenario = parse_scenario("limit-once+crlf")
    assert scenario.status == 429
    assert scenario.number("times", "n") == 1
    assert "crlf" in scenario


def test_headers_may_have_any_name() -> None:
    assert parse_scenario("header?x-a=1&x-b=2").faults["header"] == {"x-a": "1", "x-b": "2"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nonsense", "no scenario 'nonsense'"),
        ("status-99", "status-NNN"),
        ("status-abc", "status-NNN"),
        ("status-700", "status-NNN"),
        ("slow?ms=fast", "whole number"),
        ("slow?speed=1", "no parameter 'speed'"),
        ("slow?mib=1", "no parameter 'mib'"),
        ("ok++ok", "no scenario ''"),
    ],
)
def test_refuses_what_it_does_not_know(text: str, reason: str) -> None:
    with pytest.raises(ScenarioUnknownError, match=reason):
        parse_scenario(text)


@pytest.mark.parametrize("name", [name for name in PARTS if name != "status-NNN"])
def test_every_name_of_the_table_can_be_asked_for(name: str) -> None:
    scenario = parse_scenario(name)
    assert name in scenario
    assert scenario.port == (name if PARTS[name].kind is Kind.PORT else "")
