"""The embeddings face: one request of it, on its way in and back. It does not stream."""

from typing import Literal

import msgspec

from server.chat.embedding import FACE, EmbeddingView
from server.chat.request import ChatRequest
from server.errors import Internal
from server.ingress.embeddings.answer import embedding_from
from server.ingress.embeddings.request import read_embedding


class EmbeddingsFace:
    """See `WholeFace`."""

    name = FACE

    def __init__(self) -> None:
        self._encoding: Literal["float", "base64"] = "float"

    def read(self, body: bytes, *, stream: bool) -> ChatRequest:
        """See `WholeFace.read`."""
        if stream:
            raise Internal("Vectors are not streamed.")
        request = read_embedding(body)
        view = msgspec.json.decode(body, type=EmbeddingView)
        self._encoding = view.encoding_format or "float"
        return request

    def whole(self, answer: bytes) -> bytes:
        """See `WholeFace.whole`."""
        return embedding_from(answer, self._encoding)
