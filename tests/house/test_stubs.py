"""The generated stubs are typed for those who install them, not only here."""

import pytest

from tests.house.sources import ROOT

PACKAGES = sorted({stub.parent.relative_to(ROOT).as_posix() for stub in (ROOT / "generated").rglob("*.pyi")})


def test_there_are_stubs() -> None:
    assert "generated/perpetuo/v1" in PACKAGES


@pytest.mark.parametrize("package", PACKAGES)
def test_type_checkers_are_told_of_the_stubs(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()


@pytest.mark.parametrize("package", PACKAGES)
def test_every_generated_module_has_its_types(package: str) -> None:
    modules = {path.stem for path in (ROOT / package).glob("*.py")}
    assert modules == {path.stem for path in (ROOT / package).glob("*.pyi")}
