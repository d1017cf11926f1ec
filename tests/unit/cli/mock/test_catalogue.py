"""The faults by name."""

import pytest

from cli.mock.answers import Asked
from cli.mock.catalogue import FAULTS, NAMED, Fault
from cli.mock.parts import PARTS
from cli.mock.plan import plan
from cli.mock.scenario import parse_scenario
from cli.mock.wires.openai import OpenAiWire


def test_names_are_told_once() -> None:
    assert len(NAMED) == len(FAULTS)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_can_be_asked_for_by_its_name(fault: Fault) -> None:
    assert dict(parse_scenario(fault.name).faults) == dict(parse_scenario(fault.scenario).faults)
    assert fault.stream or fault.unary
    assert fault.says.endswith(".")


def test_a_name_that_is_a_part_too_means_the_same() -> None:
    odd = [name for name in NAMED.keys() & PARTS.keys() if NAMED[name].scenario != name]
    assert odd == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_differs_from_the_plain_answer(fault: Fault) -> None:
    scenario = parse_scenario(fault.name)
    if scenario.port or "big" in fault.name or fault.name == "bomb":
        return
    wire = OpenAiWire()
    for is_stream in (True, False):
        if fault.stream if is_stream else fault.unary:
            asked = Asked(model="m", stream=is_stream)
            assert plan(asked, scenario, wire) != plan(asked, parse_scenario(""), wire)
