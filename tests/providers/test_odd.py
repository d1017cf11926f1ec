"""Wires that are not quite what they should be: each is read, or refused with a reason, and never a surprise."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from server.errors import PerpetuoError
from server.providers.dialect import Dialect, Event
from server.providers.rows.own_wires import OWN_WIRES
from server.upstream.framing import event_decoder
from server.upstream.sse import SseEvent

FOLDERS = Path(__file__).parent
NAMES = [row.name for row in OWN_WIRES if (FOLDERS / row.name / "stream.sse").is_file()]
ROWS = {row.name: row for row in OWN_WIRES}
ODD: tuple[Any, ...] = (7, -1, None, [], {}, "x", "é", True, 1e300, [[]], {"type": 7})
ROUNDS = 400


def bent(value: Any, chance: random.Random) -> Any:
    """The value with one thing in it taken out, or turned into something else."""
    if isinstance(value, dict) and value and chance.random() > 0.15:
        name = chance.choice(list(value))
        if chance.random() < 0.2:
            return {key: each for key, each in value.items() if key != name}
        return {**value, name: bent(value[name], chance)}
    if isinstance(value, list) and value and chance.random() > 0.15:
        place = chance.randrange(len(value))
        return [*value[:place], bent(value[place], chance), *value[place + 1 :]]
    return chance.choice(ODD)


@pytest.mark.parametrize("name", NAMES)
def test_odd_answers(name: str) -> None:
    chance, dialect = random.Random(name), ROWS[name].dialect
    answer = json.loads((FOLDERS / name / "response.json").read_bytes())
    refused = 0
    for _ in range(ROUNDS):
        try:
            made = dialect.answer(200, {}, json.dumps(bent(answer, chance)).encode())
        except PerpetuoError:
            refused += 1
        else:
            json.loads(made.body)
    assert 0 < refused < ROUNDS


@pytest.mark.parametrize("name", NAMES)
def test_odd_streams(name: str) -> None:
    chance, dialect = random.Random(name), ROWS[name].dialect
    decoder = event_decoder(dialect.framing)
    events: list[Event] = [*decoder.feed((FOLDERS / name / "stream.sse").read_bytes()), *decoder.finish()]
    whole = sum(is_read(dialect, events, chance) for _ in range(ROUNDS))
    assert 0 < whole < ROUNDS


def is_read(dialect: Dialect, events: list[Event], chance: random.Random) -> bool:
    """Whether a stream of which some events are odd is read to its end; else it was refused with a reason."""
    stream = dialect.stream()
    try:
        for event in events:
            is_odd = chance.random() < 0.2 and event.data != b"[DONE]"
            data = json.dumps(bent(json.loads(event.data), chance)).encode() if is_odd else event.data
            for chunk in stream.feed(SseEvent(data, event.event)):
                json.loads(chunk.data)
    except PerpetuoError:
        return False
    return True
