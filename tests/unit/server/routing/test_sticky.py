"""Conversations that stay: by what they are known, whose they are, and when they move."""

import json
from collections import Counter
from typing import Any

import pytest

from server.chat.deployment import Candidate
from server.chat.request import ChatRequest, parse_chat_request
from server.chat.view import Strategy
from server.ingress.embeddings.request import read_embedding
from server.routing.decision import decide
from server.routing.measured import Measured
from server.routing.plan import Resting
from server.routing.sticky import Bond, Home, Homes, bond_of, eased, pull, pulls
from tests.unit.server.routing.worlds import ask, entry, measured, world

SYSTEM = {"role": "system", "content": "Be brief."}
FIRST = {"role": "user", "content": "Hi."}
LONG = 2_000
BOND = Bond(b"k" * 16, "conversation")


def request(*messages: Any, **members: Any) -> ChatRequest:
    return parse_chat_request(json.dumps({"messages": list(messages) or [SYSTEM, FIRST], **members}).encode())


def key(read: ChatRequest, workspace: str = "ws_1") -> bytes:
    bond = bond_of(read, workspace, LONG)
    assert bond is not None
    return bond.key


SAME: list[tuple[str, ChatRequest, bool]] = [
    ("its next turn", request(SYSTEM, FIRST, {"role": "assistant", "content": "Yes?"}, FIRST), True),
    ("another model and temperature", request(model="m", temperature=1), True),
    ("another system prompt", request({**SYSTEM, "content": "Be long."}, FIRST), False),
    ("another first word", request(SYSTEM, {**FIRST, "content": "Bye."}), False),
    ("no system prompt", request(FIRST), False),
    ("the user by name", request(user="u"), False),
    ("a key of the caller's", request(prompt_cache_key="k"), False),
]


@pytest.mark.parametrize(("other", "is_same"), [case[1:] for case in SAME], ids=[case[0] for case in SAME])
def test_what_is_the_same_conversation(other: ChatRequest, is_same: bool) -> None:
    assert (key(request()) == key(other)) is is_same


def test_texts_to_embed_are_no_conversation() -> None:
    assert bond_of(read_embedding(b'{"model":"m","input":["hi"],"user":"u"}'), "ws", LONG) is None


def test_tenants_never_share_one() -> None:
    assert key(request(), "ws_1") != key(request(), "ws_2")
    assert key(request(user="u"), "ws_1") != key(request(user="u"), "ws_2")


def test_what_the_caller_says_goes_before_how_the_conversation_begins() -> None:
    named = [bond_of(request(user="u", **more), "ws", LONG) for more in ({}, {"prompt_cache_key": "k"})]
    assert [bond.by for bond in named if bond is not None] == ["user", "prompt_cache_key"]
    assert key(request(SYSTEM, user="u")) == key(request(FIRST, user="u"))


def test_a_short_prompt_stays_only_if_it_asks_to() -> None:
    assert bond_of(request(user="u"), "ws", 100) is None
    assert bond_of(request(prompt_cache_key="k"), "ws", 100) is not None


def test_a_conversation_without_a_user_is_known_by_all_of_its_beginning() -> None:
    assert key(request(SYSTEM)) != key(request({**SYSTEM, "content": "x"}))


LONG_TEXT = "word " * 20_000


@pytest.mark.parametrize(
    ("other", "is_same"),
    [
        (LONG_TEXT, True),
        (LONG_TEXT + "x", False),
        ("W" + LONG_TEXT[1:], False),
        (LONG_TEXT[:-1] + "x", False),
        (LONG_TEXT[:1_000] + "W" + LONG_TEXT[1_001:], False),
    ],
    ids=["the same", "longer", "another beginning", "another end", "another word soon after the beginning"],
)
def test_a_long_beginning_is_known_by_its_ends_and_its_length(other: str, is_same: bool) -> None:
    first, second = (request({**SYSTEM, "content": text}, FIRST) for text in (LONG_TEXT, other))
    assert (key(first) == key(second)) is is_same


def test_contents_in_parts_are_known_too() -> None:
    parts = [request(SYSTEM, {**FIRST, "content": [{"type": "text", "text": text}]}) for text in ("a", "b", "a")]
    assert key(parts[0]) == key(parts[2]) != key(parts[1])


def bonds(count: int) -> list[Bond]:
    return [Bond(b"%016d" % number, "conversation") for number in range(count)]


def test_conversations_are_spread_by_weight() -> None:
    weights = {"a": 1, "b": 3}
    owners = Counter(min(weights, key=pulls(bond, None, weights).__getitem__) for bond in bonds(4_000))
    assert 0.22 < owners["a"] / 4_000 < 0.28


def test_an_entry_that_goes_takes_no_other_conversation_with_it() -> None:
    weights = {"a": 1, "b": 1, "c": 1}
    fewer = {"a": 1, "b": 1}
    for bond in bonds(500):
        owner = min(weights, key=pulls(bond, None, weights).__getitem__)
        if owner != "c":
            assert min(fewer, key=pulls(bond, None, fewer).__getitem__) == owner
    assert all(-1.0 <= pull(bond, "a", 5) < 0.0 for bond in bonds(100))


def test_who_served_it_last_is_first() -> None:
    assert min(pulls(BOND, Home("z", "m"), {"a": 1000, "z": 1}).items(), key=lambda item: item[1])[0] == "z"
    assert set(pulls(BOND, Home("gone", "m"), {"a": 1})) == {"a"}


EASED: list[tuple[Strategy, float, float, bool, bool]] = [
    ("fastest", 120.0, 100.0, False, True),
    ("fastest", 130.0, 100.0, False, False),
    ("fastest", 170.0, 100.0, True, True),
    ("fastest", 180.0, 100.0, True, False),
    ("reliable", 0.03, 0.01, False, True),
    ("reliable", 0.05, 0.01, True, True),
    ("balanced", -0.80, -0.84, False, True),
    ("balanced", -0.70, -0.84, True, True),
    ("balanced", -0.60, -0.84, True, False),
    ("cheapest", 100.0, 100.0, True, True),
    ("cheapest", 101.0, 100.0, True, False),
]


@pytest.mark.parametrize(("strategy", "value", "best", "is_home", "is_equal"), EASED)
def test_what_is_clearly_worse(strategy: Strategy, value: float, best: float, is_home: bool, is_equal: bool) -> None:
    assert eased(value, best, strategy, is_home=is_home) == (best if is_equal else value)


def test_homes_are_remembered_for_a_while_and_not_without_end() -> None:
    homes = Homes(max_homes=2, stays_s=10.0)
    one, two, three = bonds(3)
    homes.keep(one, Home("a", "m"), 0.0)
    homes.keep(two, Home("b", "m"), 1.0)
    assert homes.of(one, 10.0) == Home("a", "m")
    assert homes.of(one, 10.1) is None
    homes.keep(one, Home("c", "m"), 2.0)
    homes.keep(three, Home("a", "m"), 3.0)
    assert (homes.of(one, 3.0), homes.of(two, 3.0)) == (Home("c", "m"), None)


def first(strategy: Strategy, home: Home | None, **latency_ms: float) -> str:
    """Who is asked first of entries that have these latencies."""
    seen = {name: Measured(1_000.0, 1_000.0, value, 0.0) for name, value in latency_ms.items()}
    entries = [entry(name, "openai") for name in latency_ms]
    found = decide(
        ask("best", strategy=strategy, bond=BOND),
        world(entries, measured_of=measured(**seen), home_of=lambda bond: home),
        in_full=True,
    )
    return found.candidates[0].deployment.provider_id


def test_figures_that_come_and_go_do_not_move_it() -> None:
    near = {first("fastest", None, a=100.0, b=100.0 + step) for step in range(-15, 16, 5)}
    assert len(near) == 1
    assert first("fastest", Home("b", "best"), a=100.0, b=160.0) == "b"
    assert first("fastest", Home("b", "best"), a=100.0, b=300.0) == "a"
    assert first("fastest", None, a=100.0, b=160.0) == "a"


def rests(candidate: Candidate) -> Resting | None:
    return Resting(9.0, 9.0, "its calls failed") if candidate.deployment.provider_id == "b" else None


REASONS: list[tuple[str, Home | None, dict[str, Any], str]] = [
    ("nobody yet", None, {}, "by the hash"),
    ("the same", Home("a", "best"), {}, "it served the conversation last"),
    (
        "one that rests",
        Home("b", "best"),
        {"rests_for": rests},
        "left out (health",
    ),
    ("one that is full", Home("b", "best"), {"is_full": lambda entry, _: entry == "b"}, "takes no more calls"),
    ("one that is gone", Home("z", "best"), {}, "is gone"),
    ("one of a later priority", Home("c", "best"), {}, "comes after it"),
]


@pytest.mark.parametrize(
    ("home", "change", "because"), [case[1:] for case in REASONS], ids=[case[0] for case in REASONS]
)
def test_why_it_is_where_it_is(home: Home | None, change: dict[str, Any], because: str) -> None:
    entries = [entry("a", "openai"), entry("b", "openai"), entry("c", "openai", 2)]
    found = decide(ask("best", bond=BOND), world(entries, home_of=lambda bond: home, **change), in_full=True)
    assert found.stay is not None
    assert because in found.stay.because
    assert found.stay.provider_id == found.candidates[0].deployment.provider_id
