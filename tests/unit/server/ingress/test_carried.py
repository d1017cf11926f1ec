"""What a vendor signed, carried to the client and back."""

import json

import pytest
from msgspec import Raw

from server.ingress.carried import Carried, pack, unpack

BLOCK = rb'{"type": "thinking", "thinking": "H\u00e4", "signature": "c2ln", "n": 1.0}'


def test_what_is_packed_comes_back_byte_for_byte() -> None:
    carried = Carried([Raw(BLOCK)], [Raw(b'{"id":"rs_1","encrypted_content":"x"}')])
    found = unpack(pack(carried))
    assert found is not None
    assert [bytes(block) for block in found.thinking_blocks] == [BLOCK]
    assert json.loads(bytes(found.reasoning_items[0]))["id"] == "rs_1"


@pytest.mark.parametrize("text", ["", "ZGF0YQ==", "gAAAAA", "Perpetuo:"])
def test_what_is_not_ours_is_left_alone(text: str) -> None:
    assert unpack(text) is None


@pytest.mark.parametrize("text", ["perpetuo:", "perpetuo:!", "perpetuo:e30=", "perpetuo:W10=", "perpetuo://8="])
def test_what_is_broken_carries_nothing(text: str) -> None:
    assert unpack(text) == Carried()
