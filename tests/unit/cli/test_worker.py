"""What a worker reads from its supervisor."""

import msgspec
import pytest

from cli.worker import read_told


@pytest.mark.parametrize(
    "line", [b"", b"{}", b'{"number": 1}', b"nonsense"], ids=["nothing", "empty", "half", "no JSON"]
)
def test_anything_else_than_what_a_supervisor_says_is_refused(line: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        read_told(line)
