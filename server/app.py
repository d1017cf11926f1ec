"""The composition root of the core: settings in, running objects out. Nothing else chooses an implementation."""

import asyncio
import gc
import logging
import random
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from types import TracebackType
from typing import Final, Self

from msgspec import Struct
from perpetuo.admin.v1 import admin_pb2_grpc
from perpetuo.v1 import (
    analytics_pb2_grpc,
    auth_pb2_grpc,
    catalogue_pb2_grpc,
    completions_pb2_grpc,
    embeddings_pb2_grpc,
    keys_pb2_grpc,
    logs_pb2_grpc,
    members_pb2_grpc,
    messages_pb2_grpc,
    metrics_pb2_grpc,
    models_pb2_grpc,
    prices_pb2_grpc,
    providers_pb2_grpc,
    responses_pb2_grpc,
    routing_pb2_grpc,
    text_completions_pb2_grpc,
    workspaces_pb2_grpc,
)

from server.accounts.price_lists import PriceLists
from server.accounts.rewrap import Rewrap, Rewrapped
from server.cache.kept import Answers
from server.catalogue.catalogue import Catalogue
from server.chat.wire import Timeouts, Transport
from server.draining import DrainRules
from server.ending import End
from server.grpc_server import CoreServer, ServerOptions
from server.inprocess import HandlerRegistry
from server.interceptors.address import CallerAddress
from server.interceptors.context import current_call
from server.keeping import Keeping, KeepingRules
from server.knowing import Knowing
from server.ledger.analytics import Analytics
from server.ledger.export import Exports
from server.ledger.logs import Logs
from server.ledger.opening import open_ledger
from server.ledger.prices import EVERY_MODEL, PriceBook, PriceRow
from server.limits.admission import Admission
from server.limits.door import Door, Time
from server.limits.plans import PLAN_LIMITS
from server.limits.refusals import Refusals
from server.metering import Metering
from server.operator_socket import FILE_NAME, OperatorServer
from server.parts import Parts
from server.pictures import open_pictures
from server.pipeline import Pipeline
from server.plugins import load_providers
from server.pricing import Pricing
from server.providers.registry import PROVIDERS, Provider
from server.repeats import Repeats
from server.routing.attempt import Clock
from server.routing.candidates import ProviderFacts
from server.routing.credential import CredentialCheck
from server.routing.dispatch import Dispatcher, Surroundings
from server.routing.dispatch.line import Line, Turn
from server.routing.failure import blames_provider
from server.routing.health import Health, SharedRests
from server.routing.load.queue import FairQueue
from server.routing.load.traffic import Traffic, Upstream
from server.routing.patience import Patience
from server.routing.router import Router, Sources
from server.semantic import Semantic
from server.services.admin import AdminServicer
from server.services.analytics import AnalyticsServicer
from server.services.auth import AuthServicer
from server.services.calling import Calls
from server.services.catalogue import CatalogueServicer
from server.services.completions import CompletionsServicer
from server.services.embeddings import EmbeddingsServicer
from server.services.keys import KeysServicer
from server.services.logs import LogsServicer
from server.services.members import MembersServicer
from server.services.messages import MessagesServicer
from server.services.metrics import HopsOf, MetricsServicer
from server.services.models import Described, ModelsServicer
from server.services.prices import PricesServicer
from server.services.providers import ProvidersServicer
from server.services.response_states import ResponseStates
from server.services.responses import ResponsesServicer
from server.services.routing import RoutingServicer
from server.services.text_completions import TextCompletionsServicer
from server.services.workspaces import WorkspacesServicer
from server.settings import ServerSettings
from server.sharing import Sharing
from server.stores import Stores, breaker_rules, check, ledger_options, open_stores
from server.tracing import open_tracing
from server.under_way import UnderWay
from server.upstream.batches import BatchTransport
from server.upstream.client import HttpTransport
from server.upstream.granting import GrantingTransport
from server.upstream.scripted import ScriptedTransport
from server.upstream.switch import TransportSwitch

# A check of a credential is answered while somebody waits for it.
_CHECK_TIMEOUTS: Final = Timeouts(connect_s=3.0, first_byte_s=10.0, idle_s=5.0, total_s=15.0)

_MIB: Final = 1024 * 1024
# What the built-in providers pretend to cost, so that costs can be seen without an account.
_PRETENDED: Final = PriceRow(Decimal("0.15"), Decimal("0.60"))
# Objects that may wait for a collection, and how many of one generation make one of the next.
_GC_THRESHOLDS: Final = (10_000, 20, 20)
# What earlier processes left is in the figures and limits before anything is served, unless there is much of it.
_REPLAY_WAIT_S: Final = 2.0

_log = logging.getLogger(__name__)


def operator_server(settings: ServerSettings, stores: Stores, *, has_access_log: bool = True) -> OperatorServer:
    """The operator's way to the accounts; `start` it or use its channel."""
    registry = HandlerRegistry()
    admin_pb2_grpc.add_AdminServiceServicer_to_server(AdminServicer(stores.accounts, settings.default_plan), registry)
    return OperatorServer(registry, stores.accounts, has_access_log=has_access_log)


def _facts(providers: Mapping[str, Provider]) -> Mapping[str, ProviderFacts]:
    rows = providers.values()
    return {row.name: ProviderFacts(row.default_models, row.is_builtin, frozenset(row.natives)) for row in rows}


def _hops_by(address_of: CallerAddress) -> HopsOf:
    return lambda context: address_of.hops(context.peer(), current_call().told.forwarded_for)


def _clock() -> Clock:
    return Clock(partial(datetime.now, UTC), asyncio.get_running_loop().time, time.perf_counter)


def _prices(price_names: Mapping[str, str]) -> PriceBook:
    pretended = {(row.name, EVERY_MODEL): _PRETENDED for row in PROVIDERS.values() if row.is_builtin}
    return PriceBook(pretended, price_names)


def collect_garbage_seldom() -> None:
    """For a process that has started: what lives now lives to the end, and requests leave few cycles behind.

    By default the collector runs about once per request, and every so often over all modules. Not for tests: what is
    frozen is never collected.
    """
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    gc.enable()


class Place(Struct, frozen=True):
    """Where a core stands among the processes of one gateway.

    Those that share a port listen on it together; the first serves operators and does what must be done only once.
    """

    shares_port: bool = False
    is_first: bool = True


ALONE: Final = Place()


class Core:
    """The running core. Open it, `start` it, and `stop` it; `server` has its ports and its in-process channel."""

    def __init__(self, settings: ServerSettings, stores: Stores, place: Place) -> None:
        self.settings = settings
        self._place = place
        self.stores = stores
        self._catalogue = Catalogue.load()
        self._prices = _prices(self._catalogue.price_names)
        self._pricing = Pricing(stores.database, self._prices, forgetting=stores.forgetting)
        self._tasks: set[asyncio.Task[None]] = set()
        clock_s = asyncio.get_running_loop().time
        rests = SharedRests(stores.state.notices, clock_s)
        self._health = Health(rests.tell, rules=breaker_rules(settings))
        rests.listen(self._health)
        self._rewrapping: asyncio.Task[Rewrapped] | None = None
        self._under_way = UnderWay(DrainRules(settings.drain_providers, settings.drain_streams, settings.drain_s))
        self._end: End | None = None
        self.upstreams = client = HttpTransport(
            allow_private_upstreams=settings.allow_private_upstreams, max_connections=settings.upstream_connections
        )
        granted = GrantingTransport(client)
        schemes: dict[str, Transport] = {"http": granted, "https": granted, "demo": ScriptedTransport(time.time)}
        self._transport = BatchTransport(TransportSwitch(schemes, without_token={"http": client, "https": client}))
        self.metering = Metering(self._catalogue)
        self._ledger = open_ledger(stores.database, self._prices.version, ledger_options(settings))
        self.metering.show_ledger(self._ledger)
        rules = KeepingRules(
            settings.content_retention_days,
            settings.log_retention_days,
            settings.content_max_kib,
            settings.response_retention_days,
            settings.response_max_kib,
            settings.responses_max_mib,
        )
        self._keeping = Keeping(stores.database, rules)
        self.metering.show_contents(self._keeping.contents)
        answers = Answers(settings.cache_max_mib * _MIB, settings.cache_ttl_s)
        self._sharing = Sharing(answers, asyncio.get_running_loop().time, settings.request_timeout_s)
        self.metering.show_cache(self._sharing, answers)
        self.metering.show_state(stores.state)
        self.metering.show_health(self._health, clock_s)
        self.metering.show_upstreams(client.counts)
        self._traffic = Traffic(asyncio.get_running_loop().time, time.time, settings.max_upstream_calls)
        queue = FairQueue[Turn, Upstream](settings.queue_length, settings.queue_per_tenant)
        self._line = Line(self._traffic, queue, settings.queue_wait_s)
        self.metering.show_load(self._traffic, self._line)
        loop_time = Time(time.monotonic, asyncio.get_running_loop().call_later)
        self.door = Door(loop_time, settings.max_in_flight, settings.max_lag_ms / 1000)
        self.metering.show_door(self.door)
        options = ServerOptions(counted=self.metering.rpcs, shares_port=place.shares_port, door=self.door)
        self.server = CoreServer(self._registry(), stores.accounts, options)
        self._operator = operator_server(settings, stores)

    @classmethod
    async def open(cls, settings: ServerSettings, place: Place = ALONE) -> Self:
        """Makes every part; nothing listens yet. Raises SettingsError and what the parts raise."""
        known = load_providers()
        check(settings, known.rows)
        return cls(settings, await open_stores(settings, known, serves=True), place)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> int:
        """Listens; answers the port of the gRPC face."""
        loading = asyncio.get_running_loop().run_in_executor(None, self._prices.load)
        if not await self._ledger.replayed(_REPLAY_WAIT_S):
            _log.warning("Records that an earlier process left are still being written down")
        port = await self.server.start(self.settings.host, self.settings.grpc_port)
        if self._place.is_first:
            await self._operator.start(self.settings.data_dir.absolute() / FILE_NAME)
        await loading
        if self._place.is_first:
            self._keeping.start()
        if self.stores.has_older_keys and self._place.is_first:
            self._rewrapping = asyncio.ensure_future(Rewrap(self.stores.database, self.stores.vault).run())
        return port

    def leave(self) -> None:
        """Says that nothing new shall come, and gives what runs the grace; `stop` has to follow. Safe to repeat.

        Calls over the channel are still taken: who serves them to others stops by itself.
        """
        if self._end is None:
            self._end = End(self.server, self._under_way, self.settings.grace_s)

    async def stop(self) -> None:
        """Takes nothing new, lets running calls end within the grace, then writes out what is still in memory."""
        self.leave()
        assert self._end is not None
        await asyncio.gather(self._end.come(), self._operator.stop())
        await self._repeats.close()
        await self._sharing.close()
        self.door.close()
        if self._rewrapping is not None:
            self._rewrapping.cancel()
            await asyncio.wait([self._rewrapping])
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._transport.close()
        for sender in (self._tracing, self._pictures):
            if sender is not None:
                await sender.close()
        await self._ledger.close()
        await self._keeping.close()
        await self.stores.close()

    def _flag(self, entry_id: str, reason: str) -> None:
        task = asyncio.ensure_future(self.stores.entries.flag(entry_id, reason))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _pipeline(self, router: Router) -> Pipeline:
        settings = self.settings
        patience = Patience(
            settings.connect_timeout_s,
            settings.first_token_timeout_s,
            settings.reasoning_first_token_timeout_s,
            settings.answer_timeout_s,
            settings.reasoning_answer_timeout_s,
            settings.idle_timeout_s,
        )
        known = self.stores.known
        self._pictures = open_pictures(settings)
        fetch = None if self._pictures is None else self._pictures.fetched
        draw = random.Random().random
        around = Surroundings(self._catalogue.find, known.prefill_of, self._health, draw, fetch=fetch)
        dispatcher = Dispatcher(self._transport, known.dialect_for, patience, self._flag, around)
        self._tracing = open_tracing(settings, known.rows, self.metering)
        clock = _clock()
        admission, refusals = Admission(self.stores.state.rates, PLAN_LIMITS), Refusals()
        self.metering.show_limits(admission, refusals)
        self.metering.show_hedging(around.hedging)
        return Pipeline(
            Parts(
                router=router,
                sharing=self._sharing,
                dispatcher=dispatcher,
                ledger=self._ledger,
                clock=clock,
                price=self._prices.cost_nanousd,
                admission=admission,
                prices_of=self._pricing.of,
                refusals=refusals,
                metrics=self.metering.requests,
                contents=self._keeping.contents,
                under_way=self._under_way,
                watch=self._traffic.begin,
                line=self._line,
                tracing=self._tracing,
                semantic=Semantic(self._sharing, settings.semantic_threshold, settings.semantic_embedder),
            )
        )

    def _router(self) -> Router:
        stores, pricing = self.stores, self._pricing
        return Router(
            Sources(
                deployments_of=stores.entries.deployments,
                facts_of=_facts(stores.known.rows).__getitem__,
                clock=_clock(),
                draw=random.Random().random,
                model_of=self._catalogue.find,
                policy_of=stores.accounts.policies.of,
                prices_of=pricing.routing_prices_of,
                rests_at=self._health.resting,
                measured_of=self._traffic.measured,
                load_of=self._traffic.load,
                is_full=self._traffic.is_full,
                known_of=Knowing(stores.accounts.policies, stores.entries, pricing, stores.forgetting).of,
            )
        )

    def _registry(self) -> HandlerRegistry:
        registry = HandlerRegistry()
        accounts, entries, known = self.stores.accounts, self.stores.entries, self.stores.known
        address_of = CallerAddress(self.settings.trusted_edges)
        calls = Calls(current_call, self.settings.request_timeout_s, address_of)
        check_credential = CredentialCheck(self._transport, known.dialect_of, _CHECK_TIMEOUTS)
        facts_of = _facts(known.rows).__getitem__
        cost, source, router = self._prices.cost_nanousd, self._prices.version, self._router()
        auth_pb2_grpc.add_AuthServiceServicer_to_server(AuthServicer(accounts, entries, calls), registry)
        keys_pb2_grpc.add_KeysServiceServicer_to_server(KeysServicer(accounts, calls), registry)
        database, kept_from = self.stores.database, self._keeping.logs_from
        logs, exports = Logs(database, known.rows, kept_from), Exports(database, known.rows, kept_from)
        logs_pb2_grpc.add_LogsServiceServicer_to_server(LogsServicer(accounts, logs, calls), registry)
        analytics = Analytics(database, known.rows, blames_provider, kept_from)
        analytics_pb2_grpc.add_AnalyticsServiceServicer_to_server(
            AnalyticsServicer(accounts, analytics, exports, calls), registry
        )
        workspaces_pb2_grpc.add_WorkspacesServiceServicer_to_server(
            WorkspacesServicer(accounts, entries, calls), registry
        )
        members_pb2_grpc.add_MembersServiceServicer_to_server(MembersServicer(accounts, calls), registry)
        providers_pb2_grpc.add_ProvidersServiceServicer_to_server(
            ProvidersServicer(accounts, entries, calls, check_credential), registry
        )
        models_pb2_grpc.add_ModelsServiceServicer_to_server(
            ModelsServicer(entries.deployments, facts_of, calls, Described(self._catalogue, self._pricing.of)), registry
        )
        forgetting = self.stores.forgetting
        price_lists = PriceLists(self.stores.database, known.rows, partial(forgetting.forget, "workspace"))
        prices_pb2_grpc.add_PricesServiceServicer_to_server(PricesServicer(price_lists, source, calls), registry)
        metrics_pb2_grpc.add_MetricsServiceServicer_to_server(
            MetricsServicer(self.metering.metrics, self.settings.metrics, _hops_by(address_of)), registry
        )
        catalogue_pb2_grpc.add_CatalogueServiceServicer_to_server(
            CatalogueServicer(self._catalogue, cost, source, frozenset(known.rows)), registry
        )
        routing_pb2_grpc.add_RoutingServiceServicer_to_server(
            RoutingServicer(router, calls, known.dialect_for), registry
        )
        pipeline = self._repeats = Repeats(self._pipeline(router), self.stores.state.claims, _clock().monotonic)
        completions_pb2_grpc.add_CompletionsServiceServicer_to_server(CompletionsServicer(pipeline, calls), registry)
        embeddings_pb2_grpc.add_EmbeddingsServiceServicer_to_server(EmbeddingsServicer(pipeline, calls), registry)
        states = ResponseStates(self._keeping.responses, accounts.policies.of, pipeline.first_id)
        responses_pb2_grpc.add_ResponsesServiceServicer_to_server(ResponsesServicer(pipeline, calls, states), registry)
        text_completions_pb2_grpc.add_TextCompletionsServiceServicer_to_server(
            TextCompletionsServicer(pipeline, calls), registry
        )
        messages_pb2_grpc.add_MessagesServiceServicer_to_server(MessagesServicer(pipeline, calls), registry)
        return registry
