"""The face of text completions, from its request to its answer."""

import json

from server.ingress.completions.face import CompletionsFace
from server.ingress.face import Face

CHUNK = b'{"id":"chatcmpl-1","choices":[{"index":0,"delta":{"content":" upon"}}]}'


def test_a_request_comes_back_as_text() -> None:
    face: Face = CompletionsFace()
    face.read(b'{"model":"m","prompt":"Once","echo":true}', stream=False)
    answer = face.whole(b'{"id":"chatcmpl-1","choices":[{"index":0,"message":{"content":" upon"}}]}')
    assert json.loads(answer)["choices"][0]["text"] == "Once upon"


def test_a_request_comes_back_in_pieces_and_its_last_chunk_is_the_end() -> None:
    face: Face = CompletionsFace()
    face.read(b'{"model":"m","prompt":"Once"}', stream=True)
    assert [json.loads(event)["choices"][0]["text"] for event in face.feed([CHUNK, CHUNK])] == [" upon", " upon"]
    assert face.finish() == []
