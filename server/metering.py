"""Which counts of the core's parts are shown under which names. The one place that knows both.

The parts keep plain numbers and know nothing of metrics; here they are read when somebody asks.
"""

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from server.cache.kept import Answers
from server.catalogue.catalogue import Catalogue
from server.ledger.contents import ContentWriter
from server.ledger.ledger import BatchLedger
from server.limits.admission import Admission
from server.limits.door import Door
from server.limits.refusals import Refusals
from server.routing.dispatch.line import Line
from server.routing.dispatch.pace import Hedging
from server.routing.health import Health
from server.routing.load.traffic import Traffic
from server.sharing import Sharing
from server.state.state import State
from server.telemetry.families import Kind, Labels, Name
from server.telemetry.metrics import Metrics
from server.telemetry.requests import NameOf, RequestMetrics
from server.telemetry.tracing import SpanExporter
from server.upstream.pool import Counts

_MAX_METHODS: Final = 192
_MAX_PROVIDERS: Final = 48


class Metering:
    """The core's metrics: `requests` counts model calls, `metrics` takes more families."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.metrics = Metrics()
        self.requests = RequestMetrics(self.metrics, _names_of(catalogue))
        self._rpcs = self.metrics.counter(
            Name("perpetuo_rpcs_total", "Calls of the core's methods by status.", ("method", "code"), _MAX_METHODS)
        )
        info: dict[Labels, float] = {(gateway_version(),): 1.0}
        self._show("perpetuo_build_info", "The version that runs.", "gauge", lambda: info, ("version",))

    def rpcs(self, method: str, code: str) -> list[int]:
        """How many calls have ended, by `/package.Service/Method` and the name of their status; shown from now on."""
        return self._rpcs.cell((method, code))

    def show_ledger(self, ledger: BatchLedger) -> None:
        """Shows what becomes of request records."""
        self._show("perpetuo_ledger_pending_records", "Records that wait.", "gauge", lambda: {(): ledger.pending_count})
        self._show(
            "perpetuo_ledger_records_total",
            "Request records that were written, and those that had to be given up.",
            "counter",
            lambda: {("written",): ledger.written_count, ("lost",): ledger.dropped_count},
            ("outcome",),
            2,
        )
        if (spool := ledger.spool) is None:
            return
        self._show("perpetuo_spool_bytes", "Disk that the spool takes.", "gauge", lambda: {(): spool.size_bytes})
        self._show(
            "perpetuo_spool_records_total",
            "Request records that the spool kept, those that it had no room for, and those that cannot be read.",
            "counter",
            lambda: {
                ("kept",): spool.kept_count,
                ("not_kept",): spool.unkept_count,
                ("broken",): ledger.broken_count,
            },
            ("outcome",),
            3,
        )

    def show_contents(self, contents: ContentWriter) -> None:
        """Shows what becomes of prompts and answers that are to be kept."""
        self._show(
            "perpetuo_contents_waiting_bytes", "Content that waits.", "gauge", lambda: {(): contents.waiting_bytes}
        )
        self._show(
            "perpetuo_contents_total",
            "Prompts and answers that were to be kept: those that were written, and those that had to be given up.",
            "counter",
            lambda: {("written",): contents.written_count, ("lost",): contents.dropped_count},
            ("outcome",),
            2,
        )

    def show_upstreams(self, counts: Callable[[], Counts]) -> None:
        """Shows the connections to upstreams."""

        def read() -> dict[Labels, float]:
            found = counts()
            return {("busy",): found.open - found.idle, ("idle",): found.idle}

        name, text = "perpetuo_upstream_connections", "Connections to providers: with a call on them, and kept for one."
        self._show(name, text, "gauge", read, ("state",), 2)
        self._show(
            "perpetuo_upstream_waiting_calls",
            "Calls that wait for a connection, because a provider has as many as it may.",
            "gauge",
            lambda: {(): counts().waiting},
        )

    def show_cache(self, sharing: Sharing, answers: Answers) -> None:
        """Shows what the cache saves."""
        self._show("perpetuo_cache_answers", "Answers that are kept.", "gauge", lambda: {(): len(answers)})
        self._show("perpetuo_cache_bytes", "What they take in memory.", "gauge", lambda: {(): answers.size_bytes})
        self._show(
            "perpetuo_cache_requests_total",
            "Requests that may share: an answer was kept, kept for one alike, followed while it was made, or made.",
            "counter",
            lambda: {
                ("kept",): sharing.kept_count,
                ("similar",): sharing.similar_count,
                ("followed",): sharing.followed_count,
                ("made",): sharing.led_count,
            },
            ("result",),
            4,
        )

    def show_health(self, health: Health, now_s: Callable[[], float]) -> None:
        """Shows which upstreams are left alone, and how often the same was asked once more."""
        self._show_breakers(health, now_s)
        self._show(
            "perpetuo_resting",
            "Credentials and models that rest after their provider said no.",
            "gauge",
            lambda: {(of,): count for of, count in health.resting_now(now_s()).items()},
            ("of",),
            2,
        )
        self._show(
            "perpetuo_rests_total",
            "Rests that began, by what they came after.",
            "counter",
            lambda: {(kind.name.lower(),): count for kind, count in health.rests.items()},
            ("cause",),
            5,
        )
        self._show(
            "perpetuo_held_back_calls_total",
            "Calls that were not made because their upstream had come to rest since it was chosen.",
            "counter",
            lambda: {(): health.held_back},
        )
        self._show_repeats(health)

    def _show_repeats(self, health: Health) -> None:
        self._show(
            "perpetuo_repeats_total",
            "Times that the same upstream was asked once more, and that a budget had no room for it.",
            "counter",
            lambda: {
                ("made",): health.repeats,
                **{(f"no_room_{refusal.value}",): count for refusal, count in health.refused_repeats.items()},
            },
            ("outcome",),
            3,
        )

    def show_hedging(self, hedging: Hedging) -> None:
        """Shows how often a second candidate was asked beside one that was slow."""
        self._show(
            "perpetuo_hedges_total",
            "Times that a second candidate was asked beside a slow one, and that the budget had no room for it.",
            "counter",
            lambda: {("made",): hedging.hedge_count, ("no_room",): hedging.refused_count},
            ("outcome",),
            2,
        )

    def _show_breakers(self, health: Health, now_s: Callable[[], float]) -> None:
        self._show(
            "perpetuo_breakers",
            "Breakers that are not closed, of endpoints and of single models.",
            "gauge",
            lambda: dict(health.breakers(now_s()).items()),
            ("of", "state"),
            4,
        )
        self._show(
            "perpetuo_breaker_openings_total",
            "How often breakers opened.",
            "counter",
            lambda: {(provider,): count for provider, count in health.openings.items()},
            ("provider",),
            _MAX_PROVIDERS,
        )

    def show_limits(self, admission: Admission, refusals: Refusals) -> None:
        """Shows whom limits have refused, and what they hold."""
        self._show(
            "perpetuo_limited_requests_total",
            "Model calls that a limit has refused, by whose it is, of what and in which window.",
            "counter",
            lambda: dict(admission.refused),
            ("scope", "measure", "window"),
            8,
        )
        self._show("perpetuo_limits_open_calls", "Calls that hold tokens.", "gauge", lambda: {(): admission.open_count})
        self._show("perpetuo_limits_held_tokens", "Tokens held.", "gauge", lambda: {(): admission.held_tokens})
        self._show(
            "perpetuo_refusals_unrecorded_total",
            "Refused model calls without a request record, because there were too many in a minute.",
            "counter",
            lambda: {(): refusals.left_out_count},
        )

    def show_door(self, door: Door) -> None:
        """Shows how many calls are inside, and whom the gateway had no time for."""
        self._show("perpetuo_calls_in_flight", "Calls being served.", "gauge", lambda: {(): door.inside})
        self._show(
            "perpetuo_shed_calls_total",
            "Calls refused at the door, because too many were inside or the event loop was too late.",
            "counter",
            lambda: {(why,): count for why, count in door.refused.items()},
            ("cause",),
            2,
        )

    def show_load(self, traffic: Traffic, line: Line) -> None:
        """Shows what is under way, who waits, who was refused a place, and what upstreams have taught."""
        self._show("perpetuo_upstream_calls", "Calls under way.", "gauge", lambda: {(): traffic.under_way})
        self._show("perpetuo_queued_requests", "Requests that wait for a place.", "gauge", lambda: {(): len(line)})
        self._show(
            "perpetuo_queue_refusals_total",
            "Requests refused a place, by what ran out: the queue, the tenant's share of it, patience before or after.",
            "counter",
            lambda: {(why,): count for why, count in line.refused.items()},
            ("cause",),
            4,
        )
        self._show(
            "perpetuo_upstream_limited",
            "Upstreams of a provider whose limit of calls was learned.",
            "gauge",
            lambda: {(provider,): len(limits) for provider, limits in traffic.limits().items()},
            ("provider",),
            12,
        )
        self._show(
            "perpetuo_upstream_limit_calls",
            "The learned limits together.",
            "gauge",
            lambda: {(provider,): sum(limits) for provider, limits in traffic.limits().items()},
            ("provider",),
            12,
        )

    def show_spans(self, exporter: SpanExporter) -> None:
        """Shows what is lost of spans."""
        name, text = "perpetuo_spans_dropped_total", "Spans that no collector took."
        self._show(name, text, "counter", lambda: {(): exporter.dropped})

    def show_state(self, state: State) -> None:
        """Shows how the state does that replicas share."""
        self._show("perpetuo_state_up", "Whether it answers.", "gauge", lambda: {(): state.health().is_up})
        self._show("perpetuo_state_outages_total", "How often not.", "counter", lambda: {(): state.health().outages})
        self._show(
            "perpetuo_state_local_calls_total",
            "Calls that were judged by the share of this replica alone.",
            "counter",
            lambda: {(): state.health().local_calls},
        )
        self._show("perpetuo_state_lost_total", "Corrections given up.", "counter", lambda: {(): state.health().lost})

    def _show(
        self,
        name: str,
        text: str,
        kind: Kind,
        read: Callable[[], dict[Labels, float]],
        labels: Labels = (),
        max_sets: int = 1,
    ) -> None:
        self.metrics.reading(Name(name, text, labels, max_sets), kind, read)


def _names_of(catalogue: Catalogue) -> NameOf:
    """The name that the catalogue has for a model, which is one of a bounded set."""

    def name_of(provider: str, model: str) -> str | None:
        found = catalogue.find(provider, model)
        return None if found is None else catalogue.name_of(found)

    return name_of


def gateway_version() -> str:
    """The version that is installed."""
    try:
        return version("perpetuo")
    except PackageNotFoundError:
        return "unknown"
