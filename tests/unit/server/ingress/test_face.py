"""What every face promises."""

import pytest

from server.ingress.face import Face
from server.ingress.messages.face import MessagesFace

FACES: list[Face] = [MessagesFace()]


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
def test_a_name_fits_into_a_record(face: Face) -> None:
    assert len(f"rest/{face.name}") <= 16
    assert face.name.isascii()
    assert face.name.islower()
