"""What every face promises."""

import pytest

from server.ingress.completions.face import CompletionsFace
from server.ingress.embeddings.face import EmbeddingsFace
from server.ingress.face import WholeFace
from server.ingress.messages.face import MessagesFace
from server.ingress.responses.face import ResponsesFace

FACES: list[WholeFace] = [MessagesFace(), EmbeddingsFace(), CompletionsFace(), ResponsesFace("resp_1")]


@pytest.mark.parametrize("face", FACES, ids=lambda face: face.name)
def test_a_name_fits_into_a_record(face: WholeFace) -> None:
    assert len(f"rest/{face.name}") <= 16
    assert face.name.isascii()
    assert face.name.islower()
