"""The decoder of a body goes by the framing that the dialect names."""

import pytest

from server.chat.wire import Framing
from server.providers.registry import PROVIDERS
from server.upstream.event_stream import EventStreamDecoder
from server.upstream.framing import EventDecoder, event_decoder
from server.upstream.sse import SseDecoder


@pytest.mark.parametrize(
    ("framing", "kind"), [(Framing.SSE, SseDecoder), (Framing.EVENT_STREAM, EventStreamDecoder)], ids=str
)
def test_each_framing_has_its_decoder(framing: Framing, kind: type[EventDecoder]) -> None:
    assert type(event_decoder(framing)) is kind
    assert event_decoder(framing) is not event_decoder(framing)


def test_every_framing_has_a_decoder_and_every_dialect_a_framing() -> None:
    assert all(event_decoder(framing).finish() == [] for framing in Framing)
    assert {row.dialect.framing for row in PROVIDERS.values()} <= set(Framing)
