"""What requests are counted as: each once, when it is settled, from its record.

Some are counted together, which costs less than each by itself; whoever looks at the metrics has all of them counted.

Labels are bounded: reasons, providers of the registry, and models of the catalogue. A key, a user, a path or a model's
name as a caller wrote it is never one.
"""

from bisect import bisect_left
from collections.abc import Callable
from typing import Final, TypeAlias

from msgspec import Struct

from server.chat.records import AttemptRecord, OperationRecord
from server.chat.usage import Usage
from server.telemetry.families import OTHER, Labels, Name
from server.telemetry.metrics import Metrics

NANO: Final = 1_000_000_000

REQUEST_BOUNDS_S: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)
OWN_BOUNDS_S: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
FIRST_TOKEN_BOUNDS_S: Final = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0, 10.0, 30.0)
TOKEN_BOUNDS_S: Final = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0)

_FIRST_REQUEST_S: Final = REQUEST_BOUNDS_S[0]
_FIRST_ANSWER_S: Final = FIRST_TOKEN_BOUNDS_S[0]

TOGETHER: Final = 64
"""So many requests are counted at once, at the latest."""
_MAX_PROVIDERS: Final = 12
_MAX_MODELS: Final = 32
_MAX_NAMES: Final = 4096
_OK: Final = "ok"
_STREAM: Final[tuple[Labels, Labels]] = ("false",), ("true",)
"""The label that says whether it was a stream, by that."""
_OF_MODEL: Final = ("provider", "model")

_Settled: TypeAlias = tuple[OperationRecord, float, float | None]
"""A request, how long it was held back on purpose, and what the gateway took of itself until the answer could go."""

NameOf = Callable[[str, str], str | None]
"""Provider and model to a name out of a bounded set; None for a model that is in no catalogue."""


def no_name(provider: str, model: str) -> str | None:
    """A catalogue that knows no model."""
    return None


class _Ended(Struct):
    """The numbers of requests that ended in the same way; that of the overhead is empty before the first."""

    requests: list[int]
    request_s: list[float]
    overhead_s: list[float] = []


class _Alike(Struct):
    """The numbers of requests that say the same but for them, in no order."""

    request_s: list[float]
    overhead_s: list[float]
    answer_s: list[float]
    usages: list[Usage]
    costs: list[int | None]


class _Model(Struct):
    """A model's labels, and the numbers that most calls of it count in, each empty before the first."""

    of_provider: Labels
    labels: Labels
    answered: list[int] = []
    answer_s: list[float] = []
    cost: list[int] = []
    input: list[int] = []
    output: list[int] = []


class RequestMetrics:
    """Counts requests. Belongs to one event loop."""

    def __init__(self, metrics: Metrics | None = None, name_of: NameOf = no_name) -> None:
        """Makes its families in `metrics`."""
        metrics = metrics or Metrics()
        self._name_of = name_of
        self._models: dict[tuple[str, str], _Model] = {}
        self._ended: dict[tuple[str, bool, str], _Ended] = {}
        self._settled: list[_Settled] = []
        self.in_flight = 0
        metrics.on_look(self.count)
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
        """Takes a request that has ended.

        `waited_s` is how long it was held back on purpose, `overhead_s` what the gateway itself took until the answer
        could go out, None if no answer of its own could. In seconds.
        """
        self.in_flight -= 1
        settled = self._settled
        settled.append((record, waited_s, overhead_s))
        if len(settled) >= TOGETHER:
            self.count()

    def count(self) -> None:
        """Counts what was settled."""
        settled, self._settled = self._settled, []
        if settled:
            self._count_each(self._count_alike(settled))

    def _count_alike(self, settled: list[_Settled]) -> list[_Settled]:
        """Counts those in one go that say the same as the first but for their numbers, and gives the others.

        They are answers in one piece by one call that took tokens, as most are; where the first is
        none, all are others. Written out, as what follows it, because it runs for every request.
        """
        first = settled[0][0]
        if first.is_stream or len(first.attempts) != 1:
            return settled
        surface, provider, model = first.surface, first.attempts[0].provider, first.attempts[0].model
        alike, others = _Alike([], [], [], [], []), []
        for one in settled:
            record, waited_s, overhead_s = one
            attempts = record.attempts
            if len(attempts) != 1 or record.is_stream or waited_s or overhead_s is None or record.saved_nanousd:
                others.append(one)
                continue
            attempt = attempts[0]
            usage = attempt.usage
            if (
                (usage is None or attempt.outcome != _OK or record.outcome != _OK)
                or (attempt.model != model or attempt.provider != provider or record.surface != surface)
                or not (usage.input_tokens and usage.output_tokens)
                or (usage.cache_read_tokens or usage.cache_write_tokens or usage.reasoning_tokens or usage.is_estimated)
            ):
                others.append(one)
                continue
            alike.request_s.append(record.latency_ms / 1000)
            alike.overhead_s.append(overhead_s)
            alike.answer_s.append(attempt.latency_ms / 1000)
            alike.usages.append(usage)
            alike.costs.append(attempt.cost_nanousd)
        if alike.usages:
            self._add(alike, (surface, False, _OK), (provider, model))
        return others

    def _add(self, alike: "_Alike", key: tuple[str, bool, str], names: tuple[str, str]) -> None:
        """Adds requests up that ended in the same way, with one call of the same model each."""
        usages = alike.usages
        ended, model = self._ended.get(key) or self._new_ended(key), self._models.get(names) or self._new_model(names)
        ended.requests[0] += len(usages)
        self._waits[0] += len(usages)
        self._request_s.count_all(alike.request_s, ended.request_s)
        ended.overhead_s = ended.overhead_s or self._overhead_s.cell(_STREAM[False])
        self._overhead_s.count_all(alike.overhead_s, ended.overhead_s)
        model.answered = model.answered or self._attempts.cell((*model.of_provider, _OK))
        model.answered[0] += len(usages)
        model.answer_s = model.answer_s or self._answer_s.cell(model.of_provider)
        self._answer_s.count_all(alike.answer_s, model.answer_s)
        costs = [cost_nanousd for cost_nanousd in alike.costs if cost_nanousd is not None]
        if costs:
            model.cost = model.cost or self._cost.cell(model.labels)
            model.cost[0] += sum(costs)
        if len(costs) < len(usages):
            self._unpriced.add(model.labels, len(usages) - len(costs))
        model.input = model.input or self._tokens.cell((*model.labels, "input"))
        model.input[0] += sum(usage.input_tokens for usage in usages)
        model.output = model.output or self._tokens.cell((*model.labels, "output"))
        model.output[0] += sum(usage.output_tokens for usage in usages)

    def _count_each(self, settled: list[_Settled]) -> None:
        """Counts them one by one."""
        all_ended, waits = self._ended, self._waits
        for record, waited_s, overhead_s in settled:
            is_stream = record.is_stream
            key = record.surface, is_stream, record.outcome
            ended = all_ended.get(key) or self._new_ended(key)
            ended.requests[0] += 1
            latency_s, times = record.latency_ms / 1000, ended.request_s
            times[0 if latency_s <= _FIRST_REQUEST_S else bisect_left(REQUEST_BOUNDS_S, latency_s)] += 1
            times[-1] += latency_s
            if waited_s:
                self._wait_s.count(waited_s, waits)
            else:
                waits[0] += 1
            if overhead_s is not None:
                times = ended.overhead_s
                if not times:
                    times = ended.overhead_s = self._overhead_s.cell(_STREAM[is_stream])
                times[bisect_left(OWN_BOUNDS_S, overhead_s)] += 1
                times[-1] += overhead_s
            for attempt in record.attempts:
                self._count_attempt(attempt, is_stream)
            if record.saved_nanousd:
                self._saved.add((), record.saved_nanousd)

    def _count_attempt(self, attempt: AttemptRecord, is_stream: bool) -> None:
        """Nothing is shown before there is something of it."""
        names = attempt.provider, attempt.model
        model = self._models.get(names) or self._new_model(names)
        usage = attempt.usage
        if is_stream or attempt.outcome != _OK:
            self._count_other(attempt, is_stream, model)
        else:
            if not model.answered:
                model.answered = self._attempts.cell((*model.of_provider, _OK))
                model.answer_s = self._answer_s.cell(model.of_provider)
            model.answered[0] += 1
            answer_s, times = attempt.latency_ms / 1000, model.answer_s
            times[0 if answer_s <= _FIRST_ANSWER_S else bisect_left(FIRST_TOKEN_BOUNDS_S, answer_s)] += 1
            times[-1] += answer_s
        if usage is None:
            return
        if attempt.cost_nanousd is None:
            self._unpriced.add(model.labels)
        else:
            if not model.cost:
                model.cost = self._cost.cell(model.labels)
            model.cost[0] += attempt.cost_nanousd
        if usage.input_tokens and usage.output_tokens:
            if not model.output:
                model.input = self._tokens.cell((*model.labels, "input"))
                model.output = self._tokens.cell((*model.labels, "output"))
            model.input[0] += usage.input_tokens
            model.output[0] += usage.output_tokens
            if not (usage.cache_read_tokens or usage.cache_write_tokens or usage.reasoning_tokens):
                if usage.is_estimated:
                    self._estimated.add(model.of_provider)
                return
        self._count_rest(usage, model)

    def _count_other(self, attempt: AttemptRecord, is_stream: bool, model: "_Model") -> None:
        """A call that was a stream, or failed."""
        outcome, first_ms, usage = attempt.outcome, attempt.first_token_ms, attempt.usage
        self._attempts.add((attempt.provider, outcome))
        if is_stream and first_ms is not None:
            self._first_token_s.observe(first_ms / 1000, model.of_provider)
            if usage is not None and outcome == _OK:
                self._count_pace(usage, attempt.latency_ms - first_ms, model)

    def _count_pace(self, usage: Usage, took_ms: int, model: "_Model") -> None:
        written = usage.output_tokens + usage.reasoning_tokens
        if written > 1:
            self._token_s.observe(took_ms / 1000 / (written - 1), model.of_provider)

    def _count_rest(self, usage: Usage, model: "_Model") -> None:
        """What of a usage is not counted yet."""
        if usage.is_estimated:
            self._estimated.add(model.of_provider)
        if not (usage.input_tokens and usage.output_tokens):
            self._count_tokens(model, "input", usage.input_tokens)
            self._count_tokens(model, "output", usage.output_tokens)
        self._count_tokens(model, "cache_read", usage.cache_read_tokens)
        self._count_tokens(model, "cache_write", usage.cache_write_tokens)
        self._count_tokens(model, "reasoning", usage.reasoning_tokens)

    def _count_tokens(self, model: "_Model", kind: str, tokens: int) -> None:
        if tokens:
            self._tokens.add((*model.labels, kind), tokens)

    def _new_ended(self, key: tuple[str, bool, str]) -> "_Ended":
        surface, is_stream, outcome = key
        stream = _STREAM[is_stream]
        requests = self._requests.cell((surface, *stream, outcome))
        if len(self._ended) >= _MAX_NAMES:
            self._ended.clear()
        ended = self._ended[key] = _Ended(requests, self._request_s.cell(stream))
        return ended

    def _new_model(self, names: tuple[str, str]) -> "_Model":
        """Of a model, kept; what is not in the catalogue is `other`."""
        provider = names[0]
        if len(self._models) >= _MAX_NAMES:  # dates of snapshots are many, and callers can make up any
            self._models.clear()
        model = self._models[names] = _Model((provider,), (provider, self._name_of(*names) or OTHER))
        return model

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
        self._waits = self._wait_s.cell(())
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
