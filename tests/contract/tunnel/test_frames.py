"""The two ends of a tunnel write what the other reads, whatever is in it and wherever batches are cut."""

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.tunnel import frames as edge
from server.tunnel import frames as core

IDS = st.integers(min_value=0, max_value=2**63 - 1)
# Text that MessagePack can carry: lone surrogates are refused where a frame is written.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
PAIRS = st.lists(st.tuples(TEXT, TEXT | st.binary(max_size=40)), max_size=5).map(tuple)
PAYLOAD = st.binary(max_size=300)
SECONDS = st.none() | st.floats(min_value=0, max_value=1e6)

TO_CORE: dict[type, st.SearchStrategy[tuple[Any, ...]]] = {
    core.Begin: st.tuples(st.just(edge.BEGIN), IDS, TEXT, st.booleans(), PAIRS, PAYLOAD, SECONDS),
    core.Cancel: st.tuples(st.just(edge.CANCEL), IDS),
    core.Credit: st.tuples(st.just(edge.CREDIT), IDS, IDS),
    core.Head: st.tuples(st.just(edge.HEAD), IDS, TEXT, PAIRS),
    core.Body: st.tuples(st.just(edge.BODY), IDS, IDS, PAYLOAD),
    core.ForgetHeads: st.tuples(st.just(edge.FORGET_HEADS)),
}
TO_EDGE: dict[type, st.SearchStrategy[tuple[Any, ...]]] = {
    edge.Hello: st.tuples(st.just(core.HELLO), IDS, IDS, IDS, IDS),
    edge.Answer: st.tuples(st.just(core.ANSWER), IDS, PAIRS, PAYLOAD, PAIRS),
    edge.Head: st.tuples(st.just(core.HEAD), IDS, PAIRS),
    edge.Piece: st.tuples(st.just(core.PIECE), IDS, PAYLOAD, st.booleans()),
    edge.Events: st.tuples(st.just(core.EVENTS), IDS, st.lists(PAYLOAD, max_size=5)),
    edge.End: st.tuples(st.just(core.END), IDS, st.integers(0, 16), TEXT, PAIRS, PAIRS),
    edge.Refused: st.tuples(st.just(core.REFUSED), IDS, st.booleans()),
    edge.Leaving: st.tuples(st.just(core.LEAVING)),
    edge.Body: st.tuples(
        st.just(core.BODY), IDS, st.lists(TEXT).map(tuple), st.lists(TEXT).map(tuple), st.booleans(), PAYLOAD
    ),
}


def batches_of(kinds: dict[type, st.SearchStrategy[tuple[Any, ...]]]) -> Any:
    frame = st.one_of([st.tuples(st.just(kind), made) for kind, made in kinds.items()])
    return st.lists(st.lists(frame, max_size=6), max_size=4)


@pytest.mark.parametrize(
    ("kinds", "writer", "reader"),
    [pytest.param(TO_CORE, edge, core, id="to the core"), pytest.param(TO_EDGE, core, edge, id="to the edge")],
)
def test_what_one_end_writes_the_other_reads(kinds: Any, writer: Any, reader: Any) -> None:
    @given(batches_of(kinds))
    def check(batches: list[list[tuple[type, tuple[Any, ...]]]]) -> None:
        for batch in batches:
            raw = writer.write_batch([writer.write_frame(values) for _, values in batch])
            read = reader.read_batch(raw)
            assert [type(frame) for frame in read] == [kind for kind, _ in batch]
            assert [msgspec.structs.astuple(frame) for frame in read] == [values[1:] for _, values in batch]

    check()


@pytest.mark.parametrize("reader", [core, edge], ids=["the core", "the edge"])
def test_what_is_no_batch_is_refused(reader: Any) -> None:
    @given(st.binary(max_size=200))
    def check(raw: bytes) -> None:
        with suppress(msgspec.MsgspecError):
            assert isinstance(reader.read_batch(raw), list)

    check()


BROKEN = {
    "an unknown kind": [(99, 1)],
    "a call without a payload": [(0, 1, "/a/B", False, ())],
    "an id that is text": [(1, "x")],
    "credit that is no number": [(2, 1, "much")],
    "metadata that are no pairs": [(0, 1, "/a/B", False, (("a",),), b"", None)],
    "a frame that is no array": ["begin"],
}


@pytest.mark.parametrize("name", BROKEN)
def test_the_core_refuses(name: str) -> None:
    with pytest.raises(msgspec.MsgspecError):
        core.read_batch(msgspec.msgpack.encode(BROKEN[name]))


def test_both_ends_count_credit_alike() -> None:
    assert (edge.VERSION, edge.PIECE_COST_BYTES) == (core.VERSION, core.PIECE_COST_BYTES)
    assert edge.MAX_HEADS == core.MAX_HEADS
