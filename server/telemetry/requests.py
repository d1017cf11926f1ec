"""What requests are counted as: each once, when it is settled, from its record.

They are counted together, which costs less than each by itself; whoever looks at the metrics has all of them counted.

Labels are bounded: reasons, providers of the registry, and models of the catalogue. A key, a user, a path or a model's
name as a caller wrote it is never one.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Final, TypeAlias, TypeVar

from server.chat.records import AttemptRecord, OperationRecord
from server.chat.usage import Usage
from server.telemetry.families import OTHER, Labels, Name
from server.telemetry.metrics import Metrics

T = TypeVar("T")
K = TypeVar("K")

NANO: Final = 1_000_000_000

REQUEST_BOUNDS_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)
OWN_BOUNDS_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
FIRST_TOKEN_BOUNDS_S: Final = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 30.0)
TOKEN_BOUNDS_S: Final = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0)

TOGETHER: Final = 128
"""So many requests are counted at once, at the latest."""
_MAX_PROVIDERS: Final = 12
_MAX_MODELS: Final = 32
_MAX_NAMES: Final = 4096
_OK: Final = "ok"
_STREAM: Final[tuple[Labels, Labels]] = ("false",), ("true",)
"""The label that says whether it was a stream, by that."""
_OF_MODEL: Final = ("provider", "model")
_KINDS: Final = ("input", "cache_read", "cache_write", "output", "reasoning")
"""Of tokens."""

_End: TypeAlias = tuple[str, bool, str]
"""Surface, whether it was a stream, and outcome."""

_Call: TypeAlias = tuple[str, str, str]
"""Provider, model, and outcome."""

_Settled: TypeAlias = tuple[OperationRecord, float, float | None]
"""A request, how long it was held back on purpose, and what the gateway took of itself until the answer could go."""

NameOf = Callable[[str, str], str | None]
"""Provider and model to a name out of a bounded set; None for a model that is in no catalogue."""


def no_name(provider: str, model: str) -> str | None:
    """A catalogue that knows no model."""
    return None


class RequestMetrics:
    """Counts requests. Belongs to one event loop."""

    def __init__(self, metrics: Metrics | None = None, name_of: NameOf = no_name) -> None:
        """Makes its families in `metrics`."""
        metrics = metrics or Metrics()
        self._name_of = name_of
        self._models: dict[tuple[str, str], Labels] = {}
        self._settled: list[_Settled] = []
        self._begun_count = self._counted_count = 0
        metrics.on_look(self.count)
        metrics.reading(
            Name("perpetuo_requests_in_flight", "Model calls that are not settled yet."),
            "gauge",
            lambda: {(): self.in_flight},
        )
        self._make_counters(metrics)
        self._make_histograms(metrics)

    @property
    def in_flight(self) -> int:
        """How many requests are not settled yet."""
        return self._begun_count - self._counted_count - len(self._settled)

    def begin(self) -> None:
        """Notes that a request has come."""
        self._begun_count += 1

    def settle(self, record: OperationRecord, waited_s: float, overhead_s: float | None) -> None:
        """Takes a request that has ended.

        `waited_s` is how long it was held back on purpose, `overhead_s` what the gateway itself took until the answer
        could go out, None if no answer of its own could. In seconds.
        """
        settled = self._settled
        settled.append((record, waited_s, overhead_s))
        if len(settled) >= TOGETHER:
            self.count()

    def count(self) -> None:
        """Counts what was settled."""
        settled, self._settled = self._settled, []
        if not settled:
            return
        self._counted_count += len(settled)
        records, waited_s, overheads_s = zip(*settled, strict=True)
        self._wait_s.count_all(waited_s)
        ends = [(record.surface, record.is_stream, record.outcome) for record in records]
        if ends.count(ends[0]) == len(ends):  # as of many together it mostly is
            self._count_ended(ends[0], records, overheads_s)
            return
        for end, alike in _by(ends, zip(records, overheads_s, strict=True)):
            self._count_ended(end, *zip(*alike, strict=True))

    def _count_ended(self, end: _End, records: Sequence[OperationRecord], overheads_s: Sequence[float | None]) -> None:
        """Counts requests that ended in the same way, how long they took, and their calls."""
        surface, is_stream, outcome = end
        stream = _STREAM[is_stream]
        self._requests.add((surface, *stream, outcome), len(records))
        self._request_s.count_all([record.latency_ms / 1000 for record in records], stream)
        if own_s := [overhead_s for overhead_s in overheads_s if overhead_s is not None]:
            self._overhead_s.count_all(own_s, stream)
        if saved_nanousd := [record.saved_nanousd for record in records if record.saved_nanousd]:
            self._saved.add((), sum(saved_nanousd))
        attempts = list(chain.from_iterable([record.attempts for record in records]))
        calls = [(attempt.provider, attempt.model, attempt.outcome) for attempt in attempts]
        if calls and calls.count(calls[0]) == len(calls):
            self._count_calls(calls[0], attempts, is_stream=is_stream)
            return
        for call, alike in _by(calls, attempts):
            self._count_calls(call, alike, is_stream=is_stream)

    def _count_calls(self, call: _Call, attempts: Sequence[AttemptRecord], *, is_stream: bool) -> None:
        """Counts calls of one model that ended in the same way. Nothing is shown before there is something of it."""
        provider, model, outcome = call
        self._attempts.add((provider, outcome), len(attempts))
        if is_stream:
            self._count_streams(attempts, (provider,), is_ok=outcome == _OK)
        elif outcome == _OK:
            self._answer_s.count_all([attempt.latency_ms / 1000 for attempt in attempts], (provider,))
        usages = [usage for attempt in attempts if (usage := attempt.usage) is not None]
        if not usages:
            return
        if len(usages) < len(attempts):
            attempts = [attempt for attempt in attempts if attempt.usage is not None]
        names = self._names(provider, model)
        costs = [cost_nanousd for attempt in attempts if (cost_nanousd := attempt.cost_nanousd) is not None]
        if costs:
            self._cost.add(names, sum(costs))
        if len(costs) < len(usages):
            self._unpriced.add(names, len(usages) - len(costs))
        self._count_tokens(names, usages)

    def _count_tokens(self, names: Labels, usages: Iterable[Usage]) -> None:
        """Counts what calls used, each kind of tokens by itself."""
        columns = zip(
            *[
                (
                    usage.input_tokens,
                    usage.cache_read_tokens,
                    usage.cache_write_tokens,
                    usage.output_tokens,
                    usage.reasoning_tokens,
                    usage.is_estimated,
                )
                for usage in usages
            ],
            strict=True,
        )
        *sums, estimated_count = map(sum, columns)
        for kind, tokens in zip(_KINDS, sums, strict=True):
            if tokens:
                self._tokens.add((*names, kind), tokens)
        if estimated_count:
            self._estimated.add(names[:1], estimated_count)

    def _count_streams(self, attempts: Iterable[AttemptRecord], provider: Labels, *, is_ok: bool) -> None:
        """Counts how soon streams had content, and how fast those were written that came to their end."""
        for attempt in attempts:
            first_ms, usage = attempt.first_token_ms, attempt.usage
            if first_ms is None:
                continue
            self._first_token_s.observe(first_ms / 1000, provider)
            if usage is not None and is_ok and (written := usage.output_tokens + usage.reasoning_tokens) > 1:
                self._token_s.observe((attempt.latency_ms - first_ms) / 1000 / (written - 1), provider)

    def _names(self, provider: str, model: str) -> Labels:
        """The labels of a model, kept; what is not in the catalogue is `other`."""
        names = self._models.get((provider, model))
        if names is None:
            if len(self._models) >= _MAX_NAMES:  # dates of snapshots are many, and callers can make up any
                self._models.clear()
            names = self._models[provider, model] = provider, self._name_of(provider, model) or OTHER
        return names

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


def _by(keys: Iterable[K], items: Iterable[T]) -> Iterable[tuple[K, list[T]]]:
    """Items with the same key together."""
    groups = defaultdict[K, list[T]](list)
    for key, item in zip(keys, items, strict=True):
        groups[key].append(item)
    return groups.items()
