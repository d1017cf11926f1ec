"""The live router: reads a request, takes the state as it is now, and has the decision made over it.

It serves requests and explanations alike. What it knows of the outside (entries, policies, prices, chance, time) comes
in as `Sources`; nothing is asked of a provider.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from server.chat.deployment import Candidate, Deployment
from server.chat.policy import RoutingPolicy
from server.chat.principal import Call
from server.chat.prompt_tokens import MOST_PER_BYTE, PromptTokens
from server.chat.records import AttemptRecord
from server.chat.request import ChatRequest
from server.chat.view import GatewayKnobs
from server.routing.ask import AUTO, Ask, wish_of
from server.routing.attempt import Clock
from server.routing.candidates import FactsOf
from server.routing.complexity import Complexity, Judgement, judge
from server.routing.decision import Decision, decide
from server.routing.features import Needs, class_of_view, features_of, needs_of, plain_needs_of
from server.routing.filters import is_able
from server.routing.known import Known, KnownOf, nothing_known
from server.routing.plan import Plans, Resting
from server.routing.sticky import LEAST_TOKENS, Bond, Home, Homes, bond_of
from server.routing.world import (
    Draw,
    IsFull,
    LoadOf,
    MeasuredOf,
    ModelOf,
    PriceOf,
    World,
    loaded_nowhere,
    measured_nowhere,
    never_full,
)

DeploymentsOf = Callable[[str], Awaitable[Sequence[Deployment]]]
PricesOf = Callable[[str], Awaitable[PriceOf]]
"""Workspace to what a usual mix of tokens costs there, by provider and model."""

PolicyOf = Callable[[str], Awaitable[RoutingPolicy]]
RestsAt = Callable[[Candidate, float], Resting | None]
"""How a candidate rests at a time, in seconds of the router's clock; None for one that may be asked."""


MAX_WEIGHED: Final = 4_096
"""Requests of which it is remembered how large and how demanding they are."""


def no_model(provider: str, model: str) -> None:
    """A catalogue that knows nothing."""
    return


async def no_prices(workspace_id: str) -> PriceOf:
    """Price books that know nothing."""
    return lambda provider, model: None


def never_rests(candidate: Candidate, now_s: float) -> None:
    """No upstream rests."""
    return


async def usual_policy(workspace_id: str) -> RoutingPolicy:
    """The policy of a workspace that has set none."""
    return RoutingPolicy()


class Sources(Struct, frozen=True):
    """Where the router gets what it decides over; `draw` gives a number from 0 (exclusive) to 1."""

    deployments_of: DeploymentsOf
    facts_of: FactsOf
    clock: Clock
    draw: Draw
    model_of: ModelOf = no_model
    prices_of: PricesOf = no_prices
    policy_of: PolicyOf = usual_policy
    rests_at: RestsAt = never_rests
    measured_of: MeasuredOf = measured_nowhere
    load_of: LoadOf = loaded_nowhere
    is_full: IsFull = never_full
    known_of: KnownOf = nothing_known


class Asked(Struct, frozen=True):
    """A request that was read, what it asks of routing, and its workspace's policy."""

    request: ChatRequest
    ask: Ask
    policy: RoutingPolicy

    @property
    def judgement(self) -> Judgement:
        """How its class was found. Worked out only when somebody asks."""
        return judge(features_of(self.request.view, self.ask.prompt_tokens))


class Router:
    """Decides for requests of all workspaces.

    `known` tells what is known of a workspace; None where something has to be loaded first.
    """

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self.known = sources.known_of
        self._homes = Homes()
        self._weighed: dict[tuple[int, int], tuple[int | None, Complexity]] = {}

    async def read(
        self,
        request: ChatRequest,
        knobs: GatewayKnobs,
        call: Call,
        policy: RoutingPolicy | None = None,
        *,
        is_repeatable: bool = False,
    ) -> Asked:
        """What a request asks of routing. Raises RequestInvalid for an `auto:…` that is not known.

        `policy` is that of the workspace, for who has it already. `is_repeatable`: the same body is likely to come
        again, so that what is worked out of it is remembered.
        """
        policy = policy or await self._sources.policy_of(call.principal.workspace_id)
        return Asked(request, self.ask(request, knobs, call, policy, is_repeatable=is_repeatable), policy)

    def ask(
        self, request: ChatRequest, knobs: GatewayKnobs, call: Call, policy: RoutingPolicy, *, is_repeatable: bool
    ) -> Ask:
        """What `read` finds out, for who has the policy."""
        view = request.view
        model, wants_best, strategy = view.model or "", False, knobs.strategy or policy.strategy
        if not model or model[:_AUTO_CHARS] == AUTO:
            wish = wish_of(model, knobs.strategy, policy.strategy)
            model, wants_best, strategy = wish.model, wish.wants_best, wish.strategy
        principal, native = call.principal, request.native
        known = self._weighed.get(_key_of(request)) if is_repeatable else None
        prompt_tokens = PromptTokens(request, None if known is None else known[0])
        most_tokens = len(request.body) * MOST_PER_BYTE if request.is_plain else int(prompt_tokens)
        complexity = class_of_view(view, prompt_tokens, most_tokens) if known is None else known[1]
        bond = None
        if most_tokens >= LEAST_TOKENS or view.prompt_cache_key:
            bond = bond_of(request, principal.workspace_id, prompt_tokens)
        ask = Ask(
            model,
            wants_best,
            strategy,
            policy.weights,
            complexity,
            prompt_tokens,
            plain_needs_of(view) if request.is_plain and (native is None or not native.needs) else _needs_of(request),
            request.is_stream,
            principal.allowed_models,
            _ANY_DAY if model else self._sources.clock.now().date(),
            bond,
            most_tokens,
        )
        if is_repeatable and known is None:
            self._remember(request, ask)
        return ask

    def _remember(self, request: ChatRequest, ask: Ask) -> None:
        """Keeps what was worked out of a body; what was worked out longest ago is forgotten first."""
        known = self._weighed
        if len(known) >= MAX_WEIGHED:
            del known[next(iter(known))]
        tokens = ask.prompt_tokens
        known[_key_of(request)] = tokens.counted if isinstance(tokens, PromptTokens) else tokens, ask.complexity

    async def policy(self, workspace_id: str) -> RoutingPolicy:
        """What the workspace decides for its requests."""
        return await self._sources.policy_of(workspace_id)

    async def entries(self, workspace_id: str) -> Sequence[Deployment]:
        """The workspace's entries as they are now."""
        known = self._sources.known_of(workspace_id)
        return await self._sources.deployments_of(workspace_id) if known is None else known.deployments

    def candidates(self, ask: Ask, known: Known) -> Sequence[Candidate]:
        """Who is asked, in that order: those of the decision.

        `known` is what is known of the workspace right now. Raises the decision's error when there is none.
        """
        plan = known.plans.get((ask.model, ask.allowed_models, ask.needs.form))
        # With but one that can be asked there is nothing to weigh.
        if plan is not None and ask.model and (option := plan.alone) is not None:
            can_be_asked = option.facts is None or is_able(ask, option)
            rests_at, monotonic = self._sources.rests_at, self._sources.clock.monotonic
            if can_be_asked and rests_at(option.candidate, monotonic()) is None:
                return (option.candidate,)
        return decide(ask, self._world(known.deployments, known.prices.blended_nanousd, known.plans)).candidates

    async def decide(self, ask: Ask, workspace_id: str, *, in_full: bool = False) -> Decision:
        """The decision over the workspace's entries as they are now."""
        sources = self._sources
        known = sources.known_of(workspace_id)
        if known is not None:
            world = self._world(known.deployments, known.prices.blended_nanousd, known.plans)
        else:
            deployments = await sources.deployments_of(workspace_id)
            world = self._world(deployments, await sources.prices_of(workspace_id), {})
        return decide(ask, world, in_full=in_full)

    async def decided(self, ask: Ask, workspace_id: str) -> Sequence[Candidate]:
        """The same as `candidates`, whatever has to be loaded for it."""
        return (await self.decide(ask, workspace_id)).candidates

    def _world(self, deployments: Sequence[Deployment], price_of: PriceOf, plans: Plans) -> World:
        sources = self._sources
        now_s = sources.clock.monotonic()

        return World(
            deployments=deployments,
            facts_of=sources.facts_of,
            model_of=sources.model_of,
            price_of=price_of,
            draw=sources.draw,
            measured_of=sources.measured_of,
            rests_for=lambda candidate: sources.rests_at(candidate, now_s),
            load_of=sources.load_of,
            is_full=sources.is_full,
            home_of=lambda bond: self._homes.of(bond, now_s),
            plans=plans,
        )

    def note(self, attempts: Sequence[AttemptRecord], bond: Bond) -> None:
        """Learns from attempts that have ended who has served the conversation of that bond."""
        for attempt in reversed(attempts):
            if attempt.outcome == "ok":
                home = Home(attempt.provider_id, attempt.model)
                self._homes.keep(bond, home, self._sources.clock.monotonic())
                return


_AUTO_CHARS: Final = len(AUTO)
_ANY_DAY: Final = date.min
"""For requests that name their model: whether it is still served is not looked at."""


def _key_of(request: ChatRequest) -> tuple[int, int]:
    return hash(request.body), len(request.body)


def _needs_of(request: ChatRequest) -> Needs:
    native, needs = request.native, needs_of(request.view)
    if native is not None and native.needs:
        return replace(needs, form=native.face, what=native.needs, param=native.needs_param)
    return needs
