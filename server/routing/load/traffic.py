"""What is under way at each upstream, how it does lately, how long it takes, and whether there is room for more.

Fed by the attempts themselves: one begins, hears the head of its answer, and ends exactly once. An upstream is a
provider entry, which has one credential, and a model. Only numbers in memory; nothing here waits.

How calls ended is noted as it is, with its time, and taken in when somebody asks, or when so many have gathered.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Final, TypeAlias

from server.chat.deployment import Candidate
from server.chat.records import AttemptRecord
from server.chat.usage import Usage
from server.providers.remaining import remaining_requests, remaining_tokens
from server.routing.attempt import Attempt, Watcher
from server.routing.failure import blames_provider
from server.routing.load.ceiling import Ceiling
from server.routing.load.peak import PeakLatency
from server.routing.measured import NOTHING, Measured, Measurements

FAILURE_S: Final = 5.0
"""What a failure counts as if it came sooner: who fails quickly must not look quick."""

UNSEEN_S: Final = 1.0
"""What an answer is taken to take of an upstream that has been asked, and has not answered yet."""

MAX_UPSTREAMS: Final = 10_000

TOGETHER: Final = 64
"""So many ends are taken in at once, at the latest."""

_OK: Final = "ok"
_FINE: Final = 200
_NO_ROOM_STATUSES: Final = frozenset({429, 529})
_WATCHED_CALLS: Final = 10
"""An allowance is watched that is used up after so many calls and twice those under way."""

_USUAL_TOKENS: Final = 1_000.0
_NEWEST_WEIGHS: Final = 0.1

Upstream = tuple[str, str]
"""A provider entry and a model."""


class Answers:
    """How the streams of an upstream do, or its other answers: to the first content, or to the whole."""

    __slots__ = ("flow", "latency", "measurements")

    def __init__(self, flow: "Flow") -> None:
        self.flow = flow
        self.latency = PeakLatency()
        self.measurements = Measurements()


_Ended: TypeAlias = tuple[Answers, float, float, Usage | None]
"""An answer: of whom, how long it took, when that was, and what it used."""

_ANSWERS_OF: Final = itemgetter(0)


class Flow:
    """What is known of one upstream, and who watches its attempts.

    Calls under way, places that are promised to who waits for one, and how many calls there have been; how streams and
    other answers do, and how many tokens they take; the limit that was learned, if any.
    """

    __slots__ = ("begun", "ceiling", "promised", "provider", "stream", "tokens", "traffic", "unary", "under_way")

    def __init__(self, traffic: "Traffic") -> None:
        self.traffic = traffic
        self.provider = ""
        self.under_way = 0
        self.promised = 0
        self.begun = 0
        self.stream = Answers(self)
        self.unary = Answers(self)
        self.tokens = _USUAL_TOKENS
        self.ceiling: Ceiling | None = None

    def answers(self, *, is_stream: bool) -> Answers:
        """Those of a kind."""
        return self.stream if is_stream else self.unary

    @property
    def is_at_rest(self) -> bool:
        """Whether it can be forgotten without a loss that matters."""
        return not (self.under_way or self.promised or self.ceiling)

    def allow(self, headers: Mapping[str, str], since: int, now_s: float, date_s: float) -> None:
        """Takes what the provider allows, if that is little. It does not know of the calls begun `since` the one."""
        self.traffic.take_in()
        watched = 2.0 * self.under_way + _WATCHED_CALLS
        requests = remaining_requests(headers, watched, date_s)
        tokens = remaining_tokens(headers, watched * self.tokens, date_s)
        told = [(float(requests.left), requests.reset_s)] if requests is not None else []
        if tokens is not None:
            told.append((tokens.left / max(self.tokens, 1.0), tokens.reset_s))
        if told:
            left, reset_s = min(told)
            self.ceiling = self.ceiling or Ceiling(now_s)
            self.ceiling.allow(int(left) - since, reset_s, self.under_way, now_s)

    def heard(self, attempt: Attempt, headers: Mapping[str, str]) -> None:
        """See `Watcher`."""
        traffic = self.traffic
        self.allow(headers, self.begun - attempt.place, traffic.now_s(), traffic.date_s())

    def ended(self, attempt: Attempt) -> None:
        """See `Watcher`."""
        traffic, record = self.traffic, attempt.record
        assert record is not None
        now_s = traffic.now_s
        if (record.outcome != _OK or record.status != _FINE or self.ceiling is not None) or (
            attempt.is_stream and record.first_token_ms is None
        ):
            self._learn(attempt, record, now_s())
        else:  # as most calls end
            ended = traffic.ended
            answers = self.stream if attempt.is_stream else self.unary
            ended.append((answers, attempt.answered_s or 0.0, now_s(), attempt.usage))
            if len(ended) >= TOGETHER:
                traffic.take_in()
        self.under_way -= 1
        traffic.under_way -= 1
        if (on_room := traffic.on_room) is not None:
            on_room()

    def use(self, usages: Iterable[Usage | None]) -> None:
        """Takes what calls used."""
        tokens = self.tokens
        for usage in usages:
            if usage is not None:
                used = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
                tokens += _NEWEST_WEIGHS * (used + usage.output_tokens + usage.reasoning_tokens - tokens)
        self.tokens = tokens

    def _learn(self, attempt: Attempt, record: AttemptRecord, now_s: float) -> None:
        """Takes what the end of a call says; it still counts as under way."""
        self.traffic.take_in()
        answers, took_s = self.answers(is_stream=attempt.is_stream), attempt.answered_s or 0.0
        if record.outcome == _OK:
            answers.latency.observe((took_s,), (now_s,))
            if attempt.is_stream and record.first_token_ms is None:
                answers.measurements.called(now_s, has_failed=False)
            else:
                answers.measurements.answered((took_s,), (now_s,))
        elif blames_provider(record.outcome):
            answers.latency.observe((max(took_s, FAILURE_S),), (now_s,))
            answers.measurements.called(now_s, has_failed=True)
        else:
            answers.latency.at_least(took_s, now_s)
        self.use((attempt.usage,))
        self._limit(attempt, record, now_s)

    def _limit(self, attempt: Attempt, record: AttemptRecord, now_s: float) -> None:
        """Takes what the end of a call says of how many there may be."""
        if self.ceiling is None and record.status not in _NO_ROOM_STATUSES:
            return
        ceiling = self.ceiling or Ceiling(now_s)
        if record.status in _NO_ROOM_STATUSES:
            ceiling.refused(self.under_way, attempt.entered_s, now_s)
        elif record.outcome == _OK:
            ceiling.answered(self.under_way, now_s)
        self.ceiling = None if ceiling.is_over(now_s) else ceiling


class Traffic:
    """All upstreams. `now_s` is any steady clock, `date_s` the seconds since 1970.

    `max_calls` are under way at the same time, 0 for no bound. At most `max_upstreams` that are at rest are remembered.
    `on_room` is called when a call has ended, if there is somebody to be told. `ended` is what is not taken in yet.
    """

    def __init__(
        self,
        now_s: Callable[[], float],
        date_s: Callable[[], float],
        max_calls: int = 0,
        max_upstreams: int = MAX_UPSTREAMS,
    ) -> None:
        self.now_s = now_s
        self.date_s = date_s
        self._max_calls = max_calls or float("inf")
        self._max_upstreams = max_upstreams
        self._flows: dict[Upstream, Flow] = {}
        self.ended: list[_Ended] = []
        # Who was asked last, and what is known of it.
        self._asked: Candidate | None = None
        self._flow = Flow(self)
        self.under_way = 0
        self.promised = 0
        self.on_room: Callable[[], None] | None = None

    def begin(self, candidate: Candidate) -> Watcher:
        """Counts a call until its attempt ends."""
        flow = self._flow if candidate is self._asked else self._ask(candidate)
        flow.under_way += 1
        flow.begun += 1
        self.under_way += 1
        if flow.ceiling is not None:
            flow.ceiling.begin()
        return flow

    def load(self, provider_id: str, model: str, is_stream: bool) -> float:
        """How loaded an upstream is: what one more call would have to wait for, in seconds; 0 if nothing is known."""
        flow = self._flows.get((provider_id, model))
        if flow is None:
            return 0.0
        self.take_in()
        latency_s = flow.answers(is_stream=is_stream).latency.at(self.now_s())
        if not latency_s and flow.under_way:
            latency_s = UNSEEN_S
        return latency_s * (flow.under_way + 1)

    def measured(self, provider_id: str, model: str, is_stream: bool) -> Measured:
        """What was seen of an upstream up to now."""
        flow = self._flows.get((provider_id, model))
        if flow is None:
            return NOTHING
        self.take_in()
        return flow.answers(is_stream=is_stream).measurements.at(self.now_s())

    def take_in(self) -> None:
        """Has all upstreams know of the calls that have ended."""
        if not self.ended:
            return
        ended, self.ended = self.ended, []
        for answers, of_them in groupby(ended, _ANSWERS_OF):
            _, latencies_s, times_s, usages = zip(*of_them, strict=True)
            answers.latency.observe(latencies_s, times_s)
            answers.measurements.answered(latencies_s, times_s)
            answers.flow.use(usages)

    def is_full(self, provider_id: str, model: str) -> bool:
        """Whether an upstream has no room for one more call."""
        flow = self._flows.get((provider_id, model))
        if flow is None or flow.ceiling is None:
            return False
        return not flow.ceiling.has_room(flow.under_way, flow.promised, self.now_s())

    def has_room(self, candidates: Sequence[Candidate]) -> bool:
        """Whether there is room for one more call, in all and at the first of the candidates."""
        if self.under_way + self.promised >= self._max_calls:
            return False
        first = candidates[0]
        if first is self._asked:
            flow: Flow | None = self._flow
        else:
            flow = self._flows.get((first.deployment.provider_id, first.model))
        return flow is None or flow.ceiling is None or not self.is_full(first.deployment.provider_id, first.model)

    @property
    def is_full_of_calls(self) -> bool:
        """Whether there are as many calls in all as there may be."""
        return self.under_way + self.promised >= self._max_calls

    def promise(self, upstream: Upstream) -> None:
        """Keeps a place for who has waited for it, until it is taken back."""
        self._at(upstream).promised += 1
        self.promised += 1

    def take_back(self, upstream: Upstream) -> None:
        """The place is not kept any more."""
        self._at(upstream).promised -= 1
        self.promised -= 1

    def calls_at(self, upstream: Upstream) -> int:
        """How many calls an upstream has."""
        flow = self._flows.get(upstream)
        return 0 if flow is None else flow.under_way

    def reopens_at_s(self, upstream: Upstream) -> float | None:
        """When an upstream takes calls again that it does not allow for now; None if it does, or is full otherwise."""
        flow = self._flows.get(upstream)
        return None if flow is None or flow.ceiling is None else flow.ceiling.reopens_at_s(self.now_s())

    def limits(self) -> dict[str, list[float]]:
        """The limits that were learned, by provider."""
        learned: dict[str, list[float]] = {}
        now_s = self.now_s()
        for flow in self._flows.values():
            if flow.ceiling is not None and not flow.ceiling.is_over(now_s):
                learned.setdefault(flow.provider, []).append(flow.ceiling.limit)
        return learned

    def _ask(self, candidate: Candidate) -> Flow:
        """What is known of a candidate that is asked, and is not the one that was asked last."""
        deployment = candidate.deployment
        flow = self._at((deployment.provider_id, candidate.model))
        flow.provider = deployment.provider
        self._asked, self._flow = candidate, flow
        return flow

    def _at(self, upstream: Upstream) -> Flow:
        found = self._flows.get(upstream)
        if found is None:
            if len(self._flows) >= self._max_upstreams:
                self._forget_one()
            found = self._flows[upstream] = Flow(self)
        return found

    def _forget_one(self) -> None:
        """Forgets the one that has been known longest of those at rest; all of them may be at work."""
        resting = next((key for key, flow in self._flows.items() if flow.is_at_rest), None)
        if resting is not None:
            del self._flows[resting]
            self._asked = None
