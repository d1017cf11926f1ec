"""The embeddings face, from its request to its answer."""

import json

import pytest

from server.errors import Internal
from server.ingress.embeddings.face import EmbeddingsFace
from server.ingress.face import WholeFace

ANSWER = b'{"data":[{"index":0,"embedding":[0.5]}],"model":"m","usage":{},"gateway_metadata":{}}'


@pytest.mark.parametrize(("asked", "found"), [(None, [0.5]), ("float", [0.5]), ("base64", "AAAAPw==")])
def test_the_encoding_is_the_requests(asked: str | None, found: object) -> None:
    face: WholeFace = EmbeddingsFace()
    face.read(json.dumps({"model": "m", "input": "a", "encoding_format": asked}).encode(), stream=False)
    assert json.loads(face.whole(ANSWER))["data"][0]["embedding"] == found


def test_vectors_are_not_streamed() -> None:
    with pytest.raises(Internal):
        EmbeddingsFace().read(b"{}", stream=True)
