"""The pinned requirements: hashed, free of addresses, and one set of versions for running and for developing."""

import re
import tomllib

import pytest

from tests.house.sources import ROOT

FILES = ("run.txt", "dev.txt")
PIN = re.compile(r"^(?P<name>[a-z0-9-]+)==(?P<version>[^ ;\\]+)", re.MULTILINE)


def text_of(name: str) -> str:
    """A requirements file as it is."""
    return (ROOT / "requirements" / name).read_text(encoding="utf-8")


def pins_of(name: str) -> dict[str, str]:
    """Versions by distribution."""
    return {match["name"]: match["version"] for match in PIN.finditer(text_of(name))}


@pytest.mark.parametrize("name", FILES)
def test_no_address_of_a_registry_is_in_the_pins(name: str) -> None:
    text = text_of(name)
    assert [word for word in ("://", "--index-url", "--extra-index-url", "--find-links", "@ ") if word in text] == []


@pytest.mark.parametrize("name", FILES)
def test_every_pin_has_a_hash(name: str) -> None:
    blocks = re.split(r"^(?=[a-z0-9])", text_of(name), flags=re.MULTILINE)[1:]
    assert len(blocks) == len(pins_of(name)) > 0
    assert [block.split("==")[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_developing_takes_the_versions_that_run() -> None:
    run, dev = pins_of("run.txt"), pins_of("dev.txt")
    assert {name: dev.get(name) for name in run} == run


def test_every_declared_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    run = {*project["dependencies"], *extras["speed"]}

    def names(requirements: set[str]) -> set[str]:
        return {re.split(r"[^A-Za-z0-9_.-]", requirement)[0].lower().replace("_", "-") for requirement in requirements}

    assert names(run) - set(pins_of("run.txt")) == set()
    assert names({*run, *extras["dev"]}) - set(pins_of("dev.txt")) == set()
