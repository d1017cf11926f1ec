"""What requests are counted as: each once, when it is settled, from its record.

Labels are bounded: reasons, providers of the registry, and models of the catalogue. A key, a user, a path or a model's
name as a caller wrote it is never one.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from server.chat.records import AttemptRecord, OperationRecord
from server.chat.usage import Usage
from server.telemetry.families import OTHER, Labels, Name
from server.telemetry.metrics import Metrics

NANO: Final = 1_000_000_000

REQUEST_BOUNDS_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)
OWN_BOUNDS_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
FIRST_TOKEN_BOUNDS_S: Final = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 30.0)
TOKEN_BOUNDS_S: Final = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0)

_MAX_PROVIDERS: Final = 12
_MAX_MODELS: Final = 32
_MAX_NAMES: Final = 4096
_OK: Final = "ok"
_STREAM: Final[tuple[Labels, Labels]] = ("false",), ("true",)
"""The label that says whether it was a stream, by that."""
_KINDS: Final = ("input", "cache_read", "cache_write", "output", "reasoning")
_OF_MODEL: Final = ("provider", "model")

NameOf = Callable[[str, str], str | None]
"""Provider and model to a name out of a bounded set; None for a model that is in no catalogue."""


def no_name(provider: str, model: str) -> str | None:
    """A catalogue that knows no model."""
    return None


class _LabelsOf(NamedTuple):
    """Of one model: its provider's, its own, and those of its tokens by kind."""

    provider: Labels
    model: Labels
    input: Labels
    cache_read: Labels
    cache_write: Labels
    output: Labels
    reasoning: Labels


class RequestMetrics:
    """Counts requests. Belongs to one event loop."""

    def __init__(self, metrics: Metrics | None = None, name_of: NameOf = no_name) -> None:
        """Makes its families in `metrics`."""
        metrics = metrics or Metrics()
        self._name_of = name_of
        self._labels: dict[tuple[str, str], _LabelsOf] = {}
        self.in_flight = 0
        metrics.reading(
            Name("perpetuo_requests_in_flight", "Model calls that are not settled yet."),
            "gauge",
            lambda: {(): self.in_flight},
        )
        self._make_counters(metrics)
        self._make_histograms(metrics)

    def begin(self) -> None:
        """Notes that a request has come."""
        self.in_flight += 1

    def settle(self, record: OperationRecord, waited_s: float, overhead_s: float | None) -> None:
        """Counts a request that has ended.

        `waited_s` is how long it was held back on purpose, `overhead_s` what the gateway itself took until the answer
        could go out, None if no answer of its own could. In seconds.
        """
        self.in_flight -= 1
        is_stream = record.is_stream
        stream = _STREAM[is_stream]
        self._requests.add((record.surface, stream[0], record.outcome))
        self._request_s.observe(record.latency_ms / 1000, stream)
        self._wait_s.observe(waited_s)
        if overhead_s is not None:
            self._overhead_s.observe(overhead_s, stream)
        for attempt in record.attempts:
            self._count_attempt(attempt, is_stream)
        if record.saved_nanousd:
            self._saved.add((), record.saved_nanousd)

    def _count_attempt(self, attempt: AttemptRecord, is_stream: bool) -> None:
        names = attempt.provider, attempt.model
        labels = self._labels.get(names) or self._new_labels(names)
        is_ok = attempt.outcome == _OK
        self._attempts.add((names[0], attempt.outcome))
        first_ms = attempt.first_token_ms
        if first_ms is not None and is_stream:
            self._first_token_s.observe(first_ms / 1000, labels.provider)
        elif is_ok and not is_stream:
            self._answer_s.observe(attempt.latency_ms / 1000, labels.provider)
        usage, cost_nanousd = attempt.usage, attempt.cost_nanousd
        if usage is None:
            return
        written = usage.output_tokens + usage.reasoning_tokens
        if first_ms is not None and is_stream and written > 1 and is_ok:
            self._token_s.observe((attempt.latency_ms - first_ms) / 1000 / (written - 1), labels.provider)
        if cost_nanousd is None:
            self._unpriced.add(labels.model)
        else:
            self._cost.add(labels.model, cost_nanousd)
        if usage.is_estimated:
            self._estimated.add(labels.provider)
        self._count_tokens(usage, labels)

    def _count_tokens(self, usage: Usage, labels: "_LabelsOf") -> None:
        """Written out, because it runs for every request."""
        add = self._tokens.add
        if usage.input_tokens:
            add(labels.input, usage.input_tokens)
        if usage.cache_read_tokens:
            add(labels.cache_read, usage.cache_read_tokens)
        if usage.cache_write_tokens:
            add(labels.cache_write, usage.cache_write_tokens)
        if usage.output_tokens:
            add(labels.output, usage.output_tokens)
        if usage.reasoning_tokens:
            add(labels.reasoning, usage.reasoning_tokens)

    def _new_labels(self, names: tuple[str, str]) -> "_LabelsOf":
        """The labels of a model, kept; what is not in the catalogue is `other`."""
        provider = names[0]
        model = provider, self._name_of(*names) or OTHER
        if len(self._labels) >= _MAX_NAMES:  # dates of snapshots are many, and callers can make up any
            self._labels.clear()
        labels = self._labels[names] = _LabelsOf((provider,), model, *((*model, kind) for kind in _KINDS))
        return labels

    def _make_counters(self, metrics: Metrics) -> None:
        self._requests = metrics.counter(
            Name("perpetuo_requests_total", "Model calls by how they ended.", ("surface", "stream", "outcome"), 128)
        )
        self._attempts = metrics.counter(
            Name("perpetuo_attempts_total", "Upstream calls by how they ended.", ("provider", "outcome"), 192)
        )
        self._tokens = metrics.counter(
            Name("perpetuo_tokens_total", "Tokens by kind, none of them twice.", (*_OF_MODEL, "kind"), 5 * _MAX_MODELS)
        )
        self._cost = metrics.counter(
            Name("perpetuo_cost_usd_total", "What upstream calls cost, in dollars.", _OF_MODEL, _MAX_MODELS), NANO
        )
        self._saved = metrics.counter(
            Name("perpetuo_cache_saved_usd_total", "What answers from the cache would have cost, in dollars."), NANO
        )
        self._unpriced = metrics.counter(
            Name("perpetuo_unpriced_calls_total", "Upstream calls without a known price.", _OF_MODEL, _MAX_MODELS)
        )
        self._estimated = metrics.counter(
            Name("perpetuo_estimated_usage_total", "Usage that was estimated.", ("provider",), _MAX_PROVIDERS)
        )

    def _make_histograms(self, metrics: Metrics) -> None:
        stream, provider = ("stream",), ("provider",)
        self._request_s = metrics.histogram(
            Name("perpetuo_request_seconds", "From arrival to the end of the answer.", stream, 2), REQUEST_BOUNDS_S
        )
        self._wait_s = metrics.histogram(
            Name("perpetuo_wait_seconds", "Held back on purpose: for a place, or before trying again."), OWN_BOUNDS_S
        )
        self._overhead_s = metrics.histogram(
            Name("perpetuo_overhead_seconds", "What the gateway itself took.", stream, 2), OWN_BOUNDS_S
        )
        self._answer_s = metrics.histogram(
            Name("perpetuo_upstream_answer_seconds", "Whole answers of upstreams.", provider, _MAX_PROVIDERS),
            FIRST_TOKEN_BOUNDS_S,
        )
        self._first_token_s = metrics.histogram(
            Name("perpetuo_upstream_first_token_seconds", "To the first content.", provider, _MAX_PROVIDERS),
            FIRST_TOKEN_BOUNDS_S,
        )
        self._token_s = metrics.histogram(
            Name("perpetuo_upstream_token_seconds", "Between tokens, mean of each stream.", provider, _MAX_PROVIDERS),
            TOKEN_BOUNDS_S,
        )
