"""The parts are described well enough to be used."""

import pytest

from cli.mock.parts import PARTS, Kind


@pytest.mark.parametrize("name", PARTS)
def test_a_part_says_what_it_does_and_names_its_parameters(name: str) -> None:
    part = PARTS[name]
    assert part.says.endswith(".")
    numbers = [key for key, value in part.defaults.items() if isinstance(value, int)]
    assert [key for key in numbers if f"`{key}`" not in part.says and key not in ("status", "byte", "ms")] == []


def test_there_is_a_part_of_every_kind() -> None:
    assert {part.kind for part in PARTS.values()} == set(Kind)
