"""The rate in a small model of a machine: what is let in takes its time, and the more is inside the later the loop."""

import pytest

from server.limits.throttle import LEAST_PER_S, QUIET_S, Throttle

TARGET_S = 0.05
LOOK_S = 0.025


class Machine:
    """Serves so many calls a second; each that is inside makes a round of the loop longer."""

    def __init__(self, capacity_per_s: float, inside: float = 0.0) -> None:
        self.throttle = Throttle(TARGET_S)
        self.capacity_per_s = capacity_per_s
        self.inside = inside
        self.served = 0.0
        self.longest_s = 0.0

    def run(self, offered_per_s: float, seconds: float) -> float:
        """Calls served per second."""
        throttle, passed_s, before = self.throttle, 0.0, self.served
        self.longest_s = 0.0
        while passed_s < seconds:
            late_s = self.inside / self.capacity_per_s / 5
            span_s = LOOK_S + late_s
            finished = min(self.inside, self.capacity_per_s * span_s)
            self.inside -= finished
            self.served += finished
            throttle.observe(late_s, span_s, int(finished))
            self.longest_s = max(self.longest_s, late_s)
            wanted = offered_per_s * span_s
            if throttle.is_on:
                let_in = min(wanted, throttle.room)
                throttle.was_short = let_in < wanted
                throttle.room -= let_in
                wanted = let_in
            self.inside += wanted
            passed_s += span_s
        return (self.served - before) / passed_s


@pytest.mark.parametrize("times", [1.2, 1.5, 3.0, 10.0], ids=lambda times: f"{times:g} times what it can do")
@pytest.mark.parametrize("burst", [0.0, 4_000.0], ids=["from nothing", "after a burst"])
@pytest.mark.parametrize("capacity_per_s", [200.0, 2_000.0, 20_000.0], ids=lambda value: f"{value:g} a second")
def test_a_machine_that_is_offered_too_much_does_what_it_can(times: float, burst: float, capacity_per_s: float) -> None:
    machine = Machine(capacity_per_s, burst)
    machine.throttle.start()
    machine.run(times * capacity_per_s, 30.0)
    assert machine.run(times * capacity_per_s, 10.0) > 0.95 * capacity_per_s
    assert machine.longest_s < TARGET_S


def test_it_finds_a_machine_that_has_become_slower_and_faster() -> None:
    machine = Machine(2_000.0)
    machine.throttle.start()
    machine.run(6_000.0, 10.0)
    machine.capacity_per_s = 500.0
    machine.run(6_000.0, 10.0)
    assert machine.run(6_000.0, 5.0) > 450.0
    assert machine.longest_s < TARGET_S
    machine.capacity_per_s = 2_000.0
    machine.run(6_000.0, 10.0)
    assert machine.run(6_000.0, 5.0) > 1_900.0


def test_the_rate_ends_when_nobody_was_refused_for_a_while() -> None:
    machine = Machine(2_000.0)
    machine.throttle.start()
    machine.run(6_000.0, 10.0)
    machine.run(500.0, QUIET_S - 1.0)
    assert machine.throttle.is_on
    machine.run(500.0, 2.0)
    assert not machine.throttle.is_on


def test_somebody_is_let_in_however_late_it_is() -> None:
    throttle = Throttle(TARGET_S)
    throttle.start()
    let_in = 0
    for _ in range(100):
        throttle.observe(10.0, 0.1, 0)
        throttle.was_short = True
        while throttle.room >= 1.0:
            throttle.room -= 1.0
            let_in += 1
    assert throttle.rate_per_s == LEAST_PER_S
    assert LEAST_PER_S * 10 * 0.4 < let_in <= LEAST_PER_S * 10
