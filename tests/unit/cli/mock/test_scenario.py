"""The grammar of scenarios."""

import pytest

from cli.mock.scenario import KNOWN, ScenarioUnknownError, parse_scenario


def test_no_text_is_no_fault() -> None:
    assert parse_scenario("").faults == {}


def test_faults_are_combined_with_plus_and_carry_parameters() -> None:
    scenario = parse_scenario("slow?ms=5&n=7+crlf+status-429?retry_after=a%2Bb")
    assert scenario.number("slow", "ms", 50) == 5
    assert scenario.number("slow", "n", 20) == 7
    assert "crlf" in scenario
    assert scenario.status == 429
    assert scenario.value("status-NNN", "retry_after", "") == "a+b"


def test_a_missing_parameter_has_its_default() -> None:
    assert parse_scenario("cut-at").number("cut-at", "byte", 500) == 500


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nonsense", "no scenario 'nonsense'"),
        ("status-99", "status-NNN"),
        ("status-abc", "status-NNN"),
        ("status-700", "status-NNN"),
        ("slow?ms=fast", "whole number"),
        ("slow?speed=1", "no parameter 'speed'"),
        ("ok++ok", "no scenario ''"),
    ],
)
def test_refuses_what_it_does_not_know(text: str, reason: str) -> None:
    with pytest.raises(ScenarioUnknownError, match=reason):
        parse_scenario(text)


@pytest.mark.parametrize("name", [name for name in KNOWN if name != "status-NNN"])
def test_every_name_of_the_table_can_be_asked_for(name: str) -> None:
    assert name in parse_scenario(name)
