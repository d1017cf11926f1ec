"""A queue that is fair between tenants."""

import random
from collections import Counter
from collections.abc import Callable, Sequence

from server.routing.load.queue import FairQueue, Ticket

Queue = FairQueue[str, str]


def joined(names: str, **bounds: int) -> Queue:
    """Tenants and visitors by name: `a1 a2 b1`; a visitor wants `x` unless another want follows a colon."""
    queue: Queue = FairQueue(**bounds)
    for name in names.split():
        visitor, _, want = name.partition(":")
        queue.join(visitor[0], visitor, (want or "x",), 0.0)
    return queue


def served(queue: Queue, *there: str) -> list[str]:
    """Who gets what is there, one after the other."""
    order = []
    while (turn := queue.serve(lambda wants: next((want for want in wants if want in there), None))) is not None:
        order.append(turn[0].visitor)
    return order


def test_tenants_take_turns_and_each_goes_in_order() -> None:
    assert served(joined("a1 a2 a3 a4 b1 b2 c1"), "x") == ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]


def test_a_tenant_that_comes_back_goes_to_the_end_of_the_round() -> None:
    queue = joined("a1 b1 b2")
    assert queue.serve(lambda wants: "x") is not None
    queue.join("a", "a2", ("x",), 1.0)
    assert served(queue, "x") == ["b1", "a2", "b2"]


def test_who_wants_something_else_holds_up_nobody() -> None:
    queue = joined("a1:y a2 b1:y b2")
    assert served(queue, "x") == ["a2", "b2"]
    assert served(queue, "y") == ["a1", "b1"]


def test_who_wants_several_things_gets_the_first_that_is_there() -> None:
    queue: Queue = FairQueue()
    queue.join("a", "a1", ("x", "y"), 0.0)
    turn = queue.serve(lambda wants: wants[1])
    assert turn is not None
    assert turn[1] == "y"


def test_a_ticket_leaves_once() -> None:
    queue: Queue = FairQueue()
    ticket = queue.join("a", "a1", ("x",), 0.0)
    assert queue.leave(ticket)
    assert not queue.leave(ticket)
    assert (len(queue), queue.length_of("a"), queue.first_of("a", ("x",))) == (0, 0, None)


def test_who_was_served_is_not_in_the_queue_any_more() -> None:
    queue: Queue = FairQueue()
    ticket = queue.join("a", "a1", ("x",), 0.0)
    queue.serve(lambda wants: "x")
    assert not queue.leave(ticket)
    assert len(queue) == 0


def test_it_is_bounded_for_each_tenant_and_in_all() -> None:
    queue = joined("a1 a2 b1", max_length=4, max_of_tenant=2)
    assert queue.is_full_for("a")
    assert not queue.is_full_for("b")
    assert not queue.is_full
    queue.join("c", "c1", ("x",), 0.0)
    assert queue.is_full


def test_the_first_of_a_tenant_is_who_has_waited_longest() -> None:
    queue: Queue = FairQueue()
    for at_s in (5.0, 6.0):
        queue.join("a", "a", ("x",), at_s)
    first = queue.first_of("a", ("x", "y"))
    assert first is not None
    assert first.since_s == 5.0
    assert queue.first_of("a", ("y",)) is None
    assert [ticket.since_s for ticket in queue.tickets()] == [5.0, 6.0]


def test_a_flood_of_one_tenant_takes_nothing_from_the_others() -> None:
    queue: Queue = FairQueue(10_000, 10_000)
    for number in range(5_000):
        queue.join("flood", str(number), ("x",), 0.0)
    for number in range(50):
        queue.join("small", str(number), ("x",), 0.0)
    shares = Counter(turn[0].tenant for turn in (queue.serve(lambda wants: "x") for _ in range(100)) if turn)
    assert shares == {"flood": 50, "small": 50}


def test_nothing_is_left_after_ten_thousand_random_joins_turns_and_departures() -> None:
    rng, queue, known = random.Random(11), Queue(200, 40), list[Ticket[str, str]]()
    was_served = gone = refused = 0
    for step in range(10_000):
        tenant, choice = rng.choice("abcdefgh"), rng.random()
        if choice < 0.5:
            if queue.is_full or queue.is_full_for(tenant):
                refused += 1
            else:
                known.append(queue.join(tenant, str(step), rng.choice([("x",), ("y",), ("x", "y")]), float(step)))
        elif choice < 0.75 and known:
            gone += queue.leave(rng.choice(known))
        else:
            was_served += queue.serve(_only(rng.choice("xy"))) is not None
        assert len(queue) == len(known) - gone - was_served == sum(queue.length_of(name) for name in "abcdefgh")
    assert min(was_served, gone, refused) > 100
    assert len(served(queue, "x", "y")) == len(known) - gone - was_served
    assert len(queue) == 0
    assert list(queue.tickets()) == []


def _only(there: str) -> Callable[[Sequence[str]], str | None]:
    return lambda wants: there if there in wants else None
