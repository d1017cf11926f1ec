"""Families of metrics: what they count, and that no caller can make more of them than was meant."""

import pytest

from server.telemetry.families import OTHER, Counter, Histogram, Name, Reading


def test_a_counter_adds_up_under_its_labels() -> None:
    counter = Counter(Name("perpetuo_x_total", "X.", ("a", "b"), 4))
    for amount in (1, 2, 3):
        counter.add(("1", "2"), amount)
    counter.add(("1", "3"))
    assert counter.values == {("1", "2"): 6, ("1", "3"): 1}


def test_a_counter_without_labels_is_there_from_the_start() -> None:
    assert Counter(Name("perpetuo_x_total", "X.")).values == {(): 0}


def test_what_comes_after_the_bound_is_other() -> None:
    counter = Counter(Name("perpetuo_x_total", "X.", ("a",), 3))
    for number in range(100_000):
        counter.add((f"label {number}",))
    assert counter.values == {("label 0",): 1, ("label 1",): 1, ("label 2",): 1, (OTHER,): 99_997}
    assert counter.series == len(counter.values)


def test_a_label_that_was_there_before_the_bound_still_counts_as_itself() -> None:
    counter = Counter(Name("perpetuo_x_total", "X.", ("a",), 1))
    for label in ("1", "2", "1"):
        counter.add((label,))
    assert counter.values == {("1",): 2, (OTHER,): 1}


@pytest.mark.parametrize("labels", [(), ("1",), ("1", "2", "3")], ids=["none", "too few", "too many"])
def test_a_wrong_number_of_labels_is_a_defect(labels: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="perpetuo_x_total"):
        Counter(Name("perpetuo_x_total", "X.", ("a", "b"), 4)).add(labels)


@pytest.mark.parametrize(
    ("value", "cell"), [(0.0, 0), (1.0, 0), (1.001, 1), (2.0, 1), (2.5, 2), (1e9, 2)], ids=lambda case: str(case)
)
def test_a_value_counts_up_to_the_first_bound_that_it_does_not_exceed(value: float, cell: int) -> None:
    histogram = Histogram(Name("perpetuo_x_seconds", "X."), (1.0, 2.0))
    histogram.observe(value)
    assert [place for place, count in enumerate(histogram.cells[()][:-1]) if count] == [cell]
    assert histogram.cells[()][-1] == value


def test_histograms_are_bounded_too() -> None:
    histogram = Histogram(Name("perpetuo_x_seconds", "X.", ("a",), 2), (1.0, 2.0))
    for number in range(50):
        histogram.observe(1.5, (str(number),))
    assert {labels: cell[1] for labels, cell in histogram.cells.items()} == {("0",): 1, ("1",): 1, (OTHER,): 48}
    # Two bounds and infinity, sum and count, for two labels and the rest.
    assert histogram.series == 5 * 3


def test_a_reading_reads_when_it_is_asked_and_adds_up_what_is_beyond_the_bound() -> None:
    values: dict[tuple[str, ...], float] = {("1",): 1, ("2",): 2, ("3",): 3, ("4",): 4}
    reading = Reading(Name("perpetuo_x", "X.", ("a",), 2), "gauge", lambda: values)
    assert reading.bounded() == {("1",): 1, ("2",): 2, (OTHER,): 7}
    values.clear()
    assert reading.bounded() == {}


def test_values_that_are_counted_together_count_as_one_by_one() -> None:
    values = [0.5, 0.1, 7.0, 1.0, 0.10001, 0.0, 7.0]
    one_by_one = Histogram(Name("a_seconds", "A."), (0.1, 1.0, 5.0))
    together = Histogram(Name("a_seconds", "A."), (0.1, 1.0, 5.0))
    for value in values:
        one_by_one.observe(value)
    for some in (values[:4], values[4:], []):
        together.count_all(some)
    assert together.cell(())[:-1] == one_by_one.cell(())[:-1] == [2, 3, 0, 2]
    assert together.cell(())[-1] == pytest.approx(one_by_one.cell(())[-1])
