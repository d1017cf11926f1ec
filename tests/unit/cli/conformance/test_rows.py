"""The faults are what they are said to be."""

import pytest

from cli.conformance.rows import FULL, PROFILES, TEXT, Profile, rows
from cli.mock.answers import Asked
from cli.mock.contents import events_of
from cli.mock.scenario import parse_scenario
from cli.mock.wires.openai import OpenAiWire


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_every_fault_can_be_played(profile: Profile) -> None:
    found = rows(profile)
    assert [row.id for row in found[:16]] == [f"S{number:02}" for number in range(1, 17)]
    assert len({row.id for row in found}) == len(found)
    for row in found:
        assert parse_scenario(row.primary).port == ("refused" if row.id == "X02" else "")
        parse_scenario(row.fallback)
        assert all(check.name for check in row.checks)


def test_the_waits_of_the_full_profile_are_the_usual_ones() -> None:
    by_id = {row.id: row for row in rows(FULL)}
    assert "ms=20000" in by_id["S07"].primary
    assert "ms=30000" in by_id["S09"].primary
    assert "ms=60000" in by_id["S15"].primary
    assert by_id["S15"].requests * by_id["S15"].pause_s > FULL.outage_s


def test_the_plain_answer_is_the_text() -> None:
    scenario = parse_scenario("slow?ms=15&n=60")
    events = events_of(Asked(model="m", stream=True), scenario, OpenAiWire())
    assert len(events) == 60 + 3
    assert TEXT.startswith("token0 ")
    assert TEXT.split()[-1].encode() in events[-3].data
