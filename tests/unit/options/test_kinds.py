"""Texts are read as values of a kind, or refused in words."""

from pathlib import Path
from typing import Literal

import pytest

from options.kinds import NameList, name_of, read
from options.secret import SecretStr

Mode = Literal["on", "off", "auto"]


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        (int, "12", 12),
        (int, " -1 ", -1),
        (int, "80.0", 80),
        (int, 7, 7),
        (float, "0.5", 0.5),
        (float, "inf", float("inf")),
        (float, 3, 3.0),
        (bool, "yes", True),
        (bool, "OFF", False),
        (bool, True, True),
        (str, "", ""),
        (Path, "/tmp/x", Path("/tmp/x")),
        (Path | None, None, None),
        (Path | None, "x", Path("x")),
        (SecretStr, "s", SecretStr("s")),
        (NameList, "a, b,,c ", ("a", "b", "c")),
        (NameList, ["a", "b"], ("a", "b")),
        (NameList, "", ()),
        (Mode, "auto", "auto"),
    ],
    ids=str,
)
def test_a_value_is_read(kind: object, given: object, value: object) -> None:
    assert read(kind, given) == value
    assert type(read(kind, given)) is type(value)


@pytest.mark.parametrize(
    ("kind", "given", "complaint"),
    [
        (int, "", "valid integer"),
        (int, "80.5", "valid integer"),
        (int, "many", "valid integer"),
        (int, None, "valid integer"),
        (float, "null", "valid number"),
        (float, None, "valid number"),
        (bool, "maybe", "valid boolean"),
        (str, 1, "valid string"),
        (Path, 1, "valid string"),
        (NameList, 1, "separated by commas"),
        (NameList, [1], "valid string"),
        (Mode, "of", "'on', 'off' or 'auto'"),
    ],
    ids=str,
)
def test_what_is_none_is_refused(kind: object, given: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        read(kind, given)


def test_kinds_have_names() -> None:
    assert [name_of(kind) for kind in (int, Path | None, NameList, Mode)] == [
        "int",
        "Path",
        "tuple[str,...]",
        "{on,off,auto}",
    ]
