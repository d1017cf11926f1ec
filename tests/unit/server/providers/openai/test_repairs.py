"""Answers that vendors write otherwise than OpenAI, chunk by chunk and whole."""

import random
from typing import Any

import msgspec
import pytest

from server.errors import UpstreamUnavailable
from server.providers.openai.repairs import Repairs

Json = dict[str, Any]


def chunk(delta: Json, finish: object = None, index: int = 0, **more: Any) -> Json:
    return {"id": "a", "choices": [{"index": index, "delta": delta, "finish_reason": finish}], **more}


def stream(*chunks: Json, name: str = "reasoning_content") -> tuple[list[Json], list[str]]:
    notes: list[str] = []
    repairs = Repairs("delta", name, None, notes)
    return [msgspec.json.decode(repairs.repaired(msgspec.json.encode(each))) for each in chunks], notes


def deltas(*given: Json, name: str = "reasoning_content") -> list[Json]:
    return [each["choices"][0]["delta"] for each in stream(*[chunk(delta) for delta in given], name=name)[0]]


def call(arguments: str = "{}", **more: Any) -> Json:
    return {"function": {"arguments": arguments}, **more}


def named(name: str, **more: Any) -> Json:
    return {"type": "function", "function": {"name": name, "arguments": ""}, **more}


@pytest.mark.parametrize(
    "chunks",
    [
        [chunk({"role": "assistant", "content": ""}), chunk({"content": "a"}), chunk({}, "stop")],
        [chunk({"role": "assistant", "content": ""}, index=1), chunk({"role": "assistant", "content": ""}, index=0)],
        [chunk({"tool_calls": [named("f", index=0, id="c")]}), chunk({"tool_calls": [call(index=0)]}),
         chunk({}, "tool_calls")],
        [chunk({"tool_calls": [named("f", index=0, id="c"), named("f", index=1, id="d")]})],
        [{"id": "a", "choices": []}, {"id": "a", "choices": None}, {"id": "a"}],
    ],
    ids=["texts", "a role for each choice", "a call in pieces", "two calls at once", "no choices"],
)  # fmt: skip
def test_what_is_right_stays_the_very_same_bytes(chunks: list[Json]) -> None:
    repairs = Repairs("delta", "reasoning_content", None, [])
    for each in chunks:
        data = msgspec.json.encode(each)
        assert repairs.repaired(data) is data


class LooksAtAll(Repairs):
    """Looks at every member of every chunk."""

    __slots__ = ()

    def _is_right(self, data: bytes) -> bool:
        return False


ENDS = (None, None, None, "", "stop", "stop", "length", "tool_calls", "function_call", "STOP", "eos", 7)
DELTAS: tuple[Any, ...] = (
    {},
    {"content": "a"},
    {"role": "assistant", "content": ""},
    {"role": None},
    {"role": "", "content": "b"},
    None,
    [],
    "",
    {"tool_calls": [named("f", index=0, id="c")]},
    {"tool_calls": None},
    {"tool_calls": []},
    {"reasoning": "x"},
)


def odd_chunk(rng: random.Random) -> bytes:
    index = rng.choice((0, 0, 0, 1, None, "x"))
    count = rng.choice((0, 1, 1, 1, 2))
    choices = [{"index": index, "delta": rng.choice(DELTAS), "finish_reason": rng.choice(ENDS)} for _ in range(count)]
    return msgspec.json.encode({"id": "a", "choices": choices})


def outcome(repairs: Repairs, data: bytes) -> bytes | None:
    try:
        return repairs.repaired(data)
    except msgspec.DecodeError:
        return None


@pytest.mark.parametrize("seed", range(20))
def test_a_chunk_that_is_known_to_be_right_is_one_in_which_nothing_is_found(seed: int) -> None:
    rng, known = random.Random(seed), 0
    for _ in range(20):
        both = [kind("delta", "reasoning_content", None, []) for kind in (Repairs, LooksAtAll)]
        chunks = [odd_chunk(rng) for _ in range(5)]
        found, expected = [[outcome(repairs, data) for data in chunks] for repairs in both]
        assert found == expected
        known += sum(a is b for a, b in zip(found, chunks, strict=True))
    assert known > 10


def test_a_role_is_told_once() -> None:
    assert deltas({"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"}) == [
        {"role": "assistant", "content": "a"},
        {"content": "b"},
    ]


def test_reasoning_has_the_name_that_clients_know_beside_the_vendors_own() -> None:
    assert deltas({"reasoning": "hm"}, {"reasoning": None}, {"reasoning": ""}, name="reasoning") == [
        {"reasoning": "hm", "reasoning_content": "hm"},
        {"reasoning": None},
        {"reasoning": ""},
    ]


def test_reasoning_that_has_that_name_already_is_left_alone() -> None:
    both = {"reasoning": "hm", "reasoning_content": "hm"}
    assert deltas(both, name="reasoning") == [both]


CALLS: list[tuple[str, list[Json], list[tuple[int, bool]]]] = [
    ("an index that is missing follows the id", [named("f", id="c"), call(), named("g", id="d"), call()],
     [(0, True), (0, False), (1, True), (1, False)]),
    ("an id that is missing is made", [named("f", index=0), call(index=0), named("g", index=1)],
     [(0, True), (0, False), (1, True)]),
    ("both missing: a name begins a call", [named("f"), call(), named("g"), call()],
     [(0, True), (0, False), (1, True), (1, False)]),
    ("two calls under one index are two", [named("f", index=0, id="c"), named("g", index=0, id="d"), call(index=0)],
     [(0, True), (1, True), (1, False)]),
    ("an id that is said again begins nothing", [named("f", index=0, id="c"), call(index=0, id="c")],
     [(0, True), (0, True)]),
    ("interleaved calls stay apart", [named("f", index=0, id="c"), named("g", index=1, id="d"), call(index=0)],
     [(0, True), (1, True), (0, False)]),
]  # fmt: skip


@pytest.mark.parametrize(("fragments", "expected"), [case[1:] for case in CALLS], ids=[case[0] for case in CALLS])
def test_each_call_has_an_index_and_an_id(fragments: list[Json], expected: list[tuple[int, bool]]) -> None:
    made = [delta["tool_calls"][0] for delta in deltas(*({"tool_calls": [each]} for each in fragments))]
    assert [(each["index"], bool(each.get("id"))) for each in made] == expected
    ids = [(each["index"], each["id"]) for each in made if each.get("id")]
    assert len({of for _, of in ids}) == len({index for index, _ in ids})


def test_ids_that_were_made_differ_between_answers_and_are_the_same_in_one() -> None:
    def first_id(answer: str) -> str:
        made, _ = stream({**chunk({"tool_calls": [named("f")]}), "id": answer})
        found: str = made[0]["choices"][0]["delta"]["tool_calls"][0]["id"]
        return found

    assert first_id("a") == first_id("a") != first_id("b")


FINISHES: list[tuple[str, str, str | None]] = [
    ("stop", "stop", None),
    ("length", "length", None),
    ("content_filter", "content_filter", None),
    ("function_call", "function_call", None),
    ("eos", "stop", "eos"),
    ("EOS_TOKEN", "stop", "EOS_TOKEN"),
    ("stop_sequence", "stop", "stop_sequence"),
    ("model_length", "length", "model_length"),
    ("model_context_window_exceeded", "length", "model_context_window_exceeded"),
    ("sensitive", "content_filter", "sensitive"),
    ("tool_calls", "stop", "tool_calls"),
    ("something", "stop", "something"),
]


@pytest.mark.parametrize(("word", "told", "native"), FINISHES, ids=[case[0] for case in FINISHES])
def test_finish_reasons_are_openais_words(word: str, told: str, native: str | None) -> None:
    made, notes = stream(chunk({}, word))
    assert made[0]["choices"][0]["finish_reason"] == told
    assert made[0]["choices"][0].get("native_finish_reason") == native
    assert bool(notes) is (word == "something")


@pytest.mark.parametrize("word", ["error", "network_error", "insufficient_system_resource", "abort"])
def test_a_failure_is_never_a_finish(word: str) -> None:
    with pytest.raises(UpstreamUnavailable):
        stream(chunk({}, word))


def test_an_answer_that_calls_ends_with_its_calls_whatever_the_vendor_says() -> None:
    made, _ = stream(chunk({"tool_calls": [named("f", index=0, id="c")]}), chunk({}, "stop"))
    assert made[1]["choices"][0]["finish_reason"] == "tool_calls"
    cut, _ = stream(chunk({"tool_calls": [named("f", index=0, id="c")]}), chunk({}, "length"))
    assert cut[1]["choices"][0]["finish_reason"] == "length"


def test_each_choice_ends_once() -> None:
    made, _ = stream(chunk({}, "stop"), chunk({}, "stop"), chunk({}, "stop", index=1))
    assert [each["choices"][0]["finish_reason"] for each in made] == ["stop", None, "stop"]


def test_a_whole_answer_is_put_right_at_once() -> None:
    message = {"content": None, "reasoning": "hm", "tool_calls": [call(), {**call(), "id": "x"}]}
    body = msgspec.json.encode({"id": "a", "choices": [{"message": message, "finish_reason": "stop"}]})
    made = msgspec.json.decode(Repairs("message", "reasoning", None, []).repaired(body))["choices"][0]
    assert made["index"] == 0
    assert made["finish_reason"] == "tool_calls"
    assert made["message"]["role"] == "assistant"
    assert made["message"]["reasoning_content"] == "hm"
    first, second = made["message"]["tool_calls"]
    assert first["id"].startswith("call_")
    assert second["id"] == "x"
    assert first["type"] == second["type"] == "function"
    assert "index" not in first
