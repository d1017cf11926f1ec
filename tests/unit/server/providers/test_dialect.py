"""What every dialect of the registry has in common."""

import pytest

from server.chat.answer import AnswerFacts, ChunkFacts
from server.providers.dialect import Answer, Chunk, Dialect
from server.providers.registry import PROVIDERS

DIALECTS = {row.dialect.name: row.dialect for row in PROVIDERS.values()}


@pytest.mark.parametrize("name", sorted(DIALECTS))
def test_a_stream_begins_unfinished_and_without_notes(name: str) -> None:
    dialect: Dialect = DIALECTS[name]
    decoder = dialect.stream()
    assert not decoder.is_done
    assert list(decoder.notes) == []
    assert dialect.stream() is not decoder


@pytest.mark.parametrize("name", sorted(DIALECTS))
@pytest.mark.parametrize("status", [301, 400, 401, 404, 429, 500, 529])
def test_an_error_status_is_never_a_stream(name: str, status: int) -> None:
    assert not DIALECTS[name].is_stream(status, {"content-type": "text/event-stream"})


def test_answers_and_chunks_are_values() -> None:
    facts = AnswerFacts("a", "m", "stop", None, True)
    assert Answer(b"{}", facts) == Answer(b"{}", facts)
    chunk = ChunkFacts("a", "m", True, None, None, False)
    assert Chunk(b"{}", chunk) == Chunk(b"{}", chunk)
