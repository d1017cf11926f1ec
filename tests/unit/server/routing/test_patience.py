"""How long upstreams are waited for."""

import json

import pytest

from server.chat.model_facts import UNKNOWN_MODEL, ModelFacts
from server.chat.request import parse_chat_request
from server.chat.view import ChatView
from server.chat.wire import Timeouts
from server.routing.patience import Patience, reasons
from tests.unit.server.routing.worlds import model

LIMITS = [
    ("a stream of a chat", (True, False, 0), 600.0, Timeouts(3.0, 10.0, 30.0, 600.0)),
    ("a stream of a model that reasons", (True, True, 0), 600.0, Timeouts(3.0, 120.0, 30.0, 600.0)),
    ("a prompt that is read at once", (True, False, 8_000), 600.0, Timeouts(3.0, 10.0, 30.0, 600.0)),
    ("a long prompt takes longer to be read", (True, False, 108_000), 600.0, Timeouts(3.0, 60.0, 30.0, 600.0)),
    ("an answer in one piece", (False, False, 0), 600.0, Timeouts(3.0, 120.0, 30.0, 120.0)),
    ("one of a model that reasons", (False, True, 0), 900.0, Timeouts(3.0, 600.0, 30.0, 600.0)),
    ("the deadline comes first", (False, False, 0), 5.0, Timeouts(3.0, 120.0, 30.0, 5.0)),
]


@pytest.mark.parametrize(("call", "left_s", "limits"), [c[1:] for c in LIMITS], ids=[c[0] for c in LIMITS])
def test_limits(call: tuple[bool, bool, int], left_s: float, limits: Timeouts) -> None:
    is_stream, is_reasoning, prompt_tokens = call
    found = Patience().limits(
        is_stream=is_stream, is_reasoning=is_reasoning, prompt_tokens=prompt_tokens, left_s=left_s
    )
    assert found == limits


def view(**members: object) -> ChatView:
    return parse_chat_request(json.dumps({"messages": [{"role": "user", "content": "hi"}], **members}).encode()).view


THINKER, TALKER = model("o", reasoning=True).facts, model("t").facts
REASONS = [
    ("a model that is known to", {}, THINKER, True),
    ("a model that is known not to", {}, TALKER, False),
    ("a model that nobody knows", {}, UNKNOWN_MODEL, False),
    ("an effort that is asked for", {"reasoning_effort": "high"}, UNKNOWN_MODEL, True),
    ("no effort", {"reasoning_effort": "none"}, THINKER, False),
    ("hardly any", {"reasoning_effort": "minimal"}, THINKER, False),
    ("an effort that is left open", {"reasoning_effort": None}, THINKER, True),
    ("thinking", {"thinking": {"type": "enabled", "budget_tokens": 2000}}, TALKER, True),
    ("no thinking wins over an effort", {"thinking": {"type": "disabled"}, "reasoning_effort": "high"}, THINKER, False),
]


@pytest.mark.parametrize(("members", "facts", "expected"), [c[1:] for c in REASONS], ids=[c[0] for c in REASONS])
def test_who_reasons(members: dict[str, object], facts: ModelFacts, expected: bool) -> None:
    assert reasons(view(**members), facts) is expected


@pytest.mark.parametrize(("is_reasoning", "total_s"), [(False, 120.0), (True, 600.0)])
def test_what_has_time_enough_has_the_same_limits(is_reasoning: bool, total_s: float) -> None:
    patience = Patience()
    limits = [patience.limits(False, is_reasoning, 10, left_s) for left_s in (total_s, total_s + 1.0)]
    assert limits == [Timeouts(3.0, total_s, 30.0, total_s)] * 2
    assert limits[0] is limits[1]
