"""The commit gate: every state with every event, and no way round."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.chat.answer import ChunkFacts
from server.chat.usage import Usage
from server.routing.gate import LEAST_MAX_CHUNKS, MAX_HELD_BYTES, MAX_HELD_CHUNKS, TABLE, Event, Gate, State

OVER = (State.DONE, State.FAILED)


def facts(
    *, content: bool = False, finish: str | None = None, usage: bool = False, more_finished: int = 0
) -> ChunkFacts:
    return ChunkFacts("id", "m", content, finish, Usage() if usage else None, usage, None, more_finished)


SAYS_NOTHING, CONTENT, FINISH = facts(), facts(content=True), facts(finish="stop")


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)), ids=lambda value: value.value)
def test_every_state_knows_what_can_happen_to_it(state: State, event: Event) -> None:
    leads_to = TABLE.get((state, event))
    if state in OVER:
        assert leads_to is None
    elif event is Event.FAILURE or (event is Event.EOF and state is not State.CONNECTING):
        assert leads_to is (State.DONE if state is State.ENDING else State.FAILED)
    elif event is Event.CONTENT and state is not State.CONNECTING:
        assert leads_to is (State.ENDING if state is State.ENDING else State.COMMITTED)
    elif event is Event.HEADERS:
        assert (leads_to is State.HELD) is (state is State.CONNECTING)


def test_only_content_or_a_finish_opens_the_gate() -> None:
    shut = (State.CONNECTING, State.HELD, State.FAILED)
    opening = {event for (was, event), is_now in TABLE.items() if was in shut and is_now not in shut}
    assert opening == {Event.CONTENT, Event.FINISH}


def test_only_a_finish_or_the_mark_make_a_stream_whole() -> None:
    whole = {(state, event) for (state, event), leads_to in TABLE.items() if leads_to is State.DONE}
    assert {state for state, _ in whole} == {State.COMMITTED, State.ENDING}
    assert {event for state, event in whole if state is State.COMMITTED} == {Event.MARK}


def held(choices: int = 1, max_tokens: int = 0) -> Gate:
    gate = Gate(choices, max_tokens)
    gate.take(Event.HEADERS)
    return gate


CHUNKS = [
    ("a role alone is held", [SAYS_NOTHING], State.HELD),
    ("usage alone is held", [facts(usage=True)], State.HELD),
    ("content commits", [SAYS_NOTHING, CONTENT], State.COMMITTED),
    ("what says nothing after it changes nothing", [CONTENT, SAYS_NOTHING, facts(usage=True)], State.COMMITTED),
    ("a finish without content commits", [SAYS_NOTHING, FINISH], State.ENDING),
    ("content with a finish commits and ends", [facts(content=True, finish="length")], State.ENDING),
    ("usage after the finish changes nothing", [CONTENT, FINISH, facts(usage=True)], State.ENDING),
    ("as many empty chunks as may be held", [SAYS_NOTHING] * MAX_HELD_CHUNKS, State.HELD),
    ("one more", [SAYS_NOTHING] * (MAX_HELD_CHUNKS + 1), State.FAILED),
]  # fmt: skip


@pytest.mark.parametrize(("chunks", "state"), [case[1:] for case in CHUNKS], ids=[case[0] for case in CHUNKS])
def test_chunks(chunks: list[ChunkFacts], state: State) -> None:
    gate = held()
    for chunk in chunks:
        gate.chunk(chunk, 100)
    assert gate.state is state
    assert gate.is_open is (state in (State.COMMITTED, State.ENDING))


def test_what_is_held_is_bounded_in_bytes() -> None:
    gate = held()
    assert gate.chunk(SAYS_NOTHING, MAX_HELD_BYTES) is State.HELD
    assert gate.chunk(SAYS_NOTHING, 1) is State.FAILED


SEVERAL = [
    ("one of two has finished", [FINISH], State.COMMITTED),
    ("both have, one after the other", [FINISH, CONTENT, FINISH], State.ENDING),
    ("both have, in one chunk", [facts(finish="stop", more_finished=1)], State.ENDING),
]


@pytest.mark.parametrize(("chunks", "state"), [case[1:] for case in SEVERAL], ids=[case[0] for case in SEVERAL])
def test_a_stream_of_two_answers_ends_with_the_second(chunks: list[ChunkFacts], state: State) -> None:
    gate = held(choices=2)
    for chunk in chunks:
        gate.chunk(chunk, 100)
    assert gate.state is state


@pytest.mark.parametrize(("max_tokens", "most"), [(1, LEAST_MAX_CHUNKS), (1000, 2000)])
def test_a_stream_beyond_twice_its_tokens_is_taken_for_endless(max_tokens: int, most: int) -> None:
    gate = held(max_tokens=max_tokens)
    for _ in range(most):
        assert gate.chunk(CONTENT, 10) is State.COMMITTED
    assert gate.chunk(CONTENT, 10) is State.FAILED


def test_several_chunks_are_taken_at_once_or_not_at_all() -> None:
    gate = held(max_tokens=1)
    assert not gate.take_more(2)  # nothing has been said yet
    gate.chunk(CONTENT, 10)
    assert gate.take_more(LEAST_MAX_CHUNKS - 2)
    assert not gate.take_more(2)
    assert gate.take_more()
    assert not gate.take_more()
    assert gate.chunk(CONTENT, 10) is State.FAILED


def test_the_room_is_what_can_be_taken_at_once() -> None:
    gate = held(max_tokens=1)
    assert gate.room == 0
    gate.chunk(CONTENT, 10)
    assert gate.room == LEAST_MAX_CHUNKS - 1
    assert gate.take_more(gate.room)
    assert gate.room == 0
    gate.chunk(CONTENT, 10)
    assert (gate.state, gate.room) == (State.FAILED, 0)


def test_a_stream_without_a_bound_goes_on() -> None:
    gate = held()
    for _ in range(5000):
        gate.chunk(CONTENT, 10)
    assert gate.state is State.COMMITTED
    assert gate.take_more(gate.room)


@given(st.lists(st.sampled_from([SAYS_NOTHING, CONTENT, FINISH, Event.EOF, Event.MARK, Event.FAILURE])))
def test_no_stream_is_whole_without_a_finish_or_the_mark(happenings: list[ChunkFacts | Event]) -> None:
    gate, was_finished, was_open = held(), False, False
    for happening in happenings:
        if gate.is_over:
            break
        was_finished = was_finished or happening is FINISH or (was_open and happening is Event.MARK)
        if isinstance(happening, Event):
            gate.take(happening)
        else:
            gate.chunk(happening, 10)
        was_open = was_open or gate.is_open
    assert gate.state is not State.DONE or was_finished
    assert gate.state is not State.FAILED or not was_finished
