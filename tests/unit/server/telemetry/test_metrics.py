"""All metrics together: names, the bound on series, and the text, read back by the official parser."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from server.telemetry.families import Name
from server.telemetry.metrics import MAX_SERIES, Metrics, render

Values = dict[tuple[str, frozenset[tuple[str, str]]], float]


def values_in(text: bytes) -> Values:
    """Every sample by its name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def of(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def test_what_was_counted_is_what_is_read() -> None:
    metrics = Metrics()
    metrics.counter(Name("perpetuo_cost_usd_total", "Cost.", ("model",), 3), unit=1_000_000_000).add(("m",), 1_500)
    metrics.counter(Name("perpetuo_calls_total", "Calls.")).add((), 2)
    histogram = metrics.histogram(Name("perpetuo_x_seconds", "Seconds.", ("a",), 2), (0.1, 1.0))
    for value in (0.05, 0.5, 0.7, 3.0):
        histogram.observe(value, ('with "quotes"\nand more',))
    metrics.reading(Name("perpetuo_y", "Now."), "gauge", lambda: {(): 7.5})
    values = values_in(render(metrics.snapshot()))
    label = 'with "quotes"\nand more'
    assert values[of("perpetuo_cost_usd_total", model="m")] == 0.0000015
    assert values[of("perpetuo_calls_total")] == 2
    buckets = {le: values[of("perpetuo_x_seconds_bucket", a=label, le=le)] for le in ("0.1", "1.0", "+Inf")}
    assert buckets == {"0.1": 1, "1.0": 3, "+Inf": 4}
    assert values[of("perpetuo_x_seconds_count", a=label)] == 4
    assert values[of("perpetuo_x_seconds_sum", a=label)] == pytest.approx(4.25)
    assert values[of("perpetuo_y")] == 7.5
    assert values[of("perpetuo_core_process_open_fds")] > 0


def test_a_snapshot_stays_as_it_was() -> None:
    metrics = Metrics()
    counter, histogram = (
        metrics.counter(Name("perpetuo_x_total", "X.")),
        metrics.histogram(Name("perpetuo_y", "Y."), (1.0,)),
    )
    before = metrics.snapshot()
    counter.add()
    histogram.observe(0.5)
    values = values_in(render(before))
    assert (values[of("perpetuo_x_total")], values[of("perpetuo_y_count")]) == (0, 0)


REFUSED = [
    ("a foreign name", Name("http_requests_total", "X.")),
    ("a counter that does not end as one", Name("perpetuo_requests", "X.")),
    ("a name with a dash", Name("perpetuo_a-b_total", "X.")),
    ("a name that is taken", Name("perpetuo_taken_total", "X.")),
    ("more series than there is room for", Name("perpetuo_many_total", "X.", ("a",), MAX_SERIES)),
]


@pytest.mark.parametrize("named", [case[1] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_a_family_that_is_refused(named: Name) -> None:
    metrics = Metrics()
    metrics.counter(Name("perpetuo_taken_total", "X."))
    with pytest.raises(ValueError, match=named.name):
        metrics.counter(named)
    assert metrics.series == 1


def test_a_gauge_does_not_end_like_a_counter() -> None:
    with pytest.raises(ValueError, match="perpetuo_x_total"):
        Metrics().reading(Name("perpetuo_x_total", "X."), "gauge", lambda: {(): 1})
