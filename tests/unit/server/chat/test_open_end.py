"""Where a whole answer takes one more member, and which do not take it so."""

import json

import pytest
from msgspec import Struct

from server.chat.open_end import open_end, with_metadata_at


class _Metadata(Struct):
    attempts: int


OURS = b'{"id":"chatcmpl-1","x":{}}'
CASES = {
    "an answer under our kind of id": (OURS, len(OURS) - 1),
    "one that is written with spaces": (b'{"id": "chatcmpl-1"  }', len(b'{"id": "chatcmpl-1"')),
    "another's id": (b'{"id":"x-1"}', 0),
    "no id": (b'{"model":"m"}', 0),
    "an end that is none": (OURS + b" ", 0),
    "one that has metadata already": (b'{"id":"chatcmpl-1","gateway_metadata":{}}', 0),
}


@pytest.mark.parametrize(("body", "end"), CASES.values(), ids=CASES)
def test_the_end_is_found(body: bytes, end: int) -> None:
    assert open_end(body) == end
    if end:
        assert json.loads(with_metadata_at(body, end, _Metadata(2))) == {
            **json.loads(body),
            "gateway_metadata": {"attempts": 2},
        }


def test_what_is_known_is_not_searched() -> None:
    assert open_end(b'{"id":"chatcmpl-1","x":"\\"gateway_metadata\\""}', is_plain=True) > 0
