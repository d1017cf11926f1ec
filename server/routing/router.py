"""The live router: reads a request, takes the state as it is now, and has the decision made over it.

It serves requests and explanations alike. What it knows of the outside (entries, policies, prices, chance, time) comes
in as `Sources`; nothing is asked of a provider.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from server.catalogue.catalogue import Model
from server.chat.deployment import Candidate, Deployment
from server.chat.policy import RoutingPolicy
from server.chat.principal import Call
from server.chat.prompt_tokens import MOST_PER_BYTE, PromptTokens
from server.chat.records import AttemptRecord
from server.chat.request import ChatRequest
from server.chat.view import GatewayKnobs
from server.routing.ask import AUTO, Ask, Weighed, wish_of
from server.routing.attempt import Clock
from server.routing.candidates import FactsOf
from server.routing.complexity import Complexity, Judgement, judge
from server.routing.decision import Decision, decide
from server.routing.features import Needs, class_of_view, features_of, needs_of, output_bound_of, plain_needs_of
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
        self._rests_at, self._monotonic = sources.rests_at, sources.clock.monotonic
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
        weighed = self.weigh(request, knobs, call, policy, is_repeatable=is_repeatable)
        return Asked(request, self.ask(weighed, request, call, policy), policy)

    def weigh(
        self, request: ChatRequest, knobs: GatewayKnobs, call: Call, policy: RoutingPolicy, *, is_repeatable: bool
    ) -> Weighed:
        """What `read` finds out of a request, for who has the policy."""
        view = request.view
        model, strategy, wants_best = view.model or "", knobs.strategy or policy.strategy, False
        if not model or AUTO in model:  # looked for anywhere, which takes a third of a look at the beginning
            wish = wish_of(model, knobs.strategy, policy.strategy)
            model, strategy, wants_best = wish.model, wish.strategy, wish.wants_best
        known = self._weighed.get(_key_of(request)) if is_repeatable else None
        tokens = PromptTokens(request) if known is None else PromptTokens(request, known[0])
        most_tokens = len(request.body) * MOST_PER_BYTE if request.is_plain else int(tokens)
        complexity = class_of_view(view, tokens, most_tokens) if known is None else known[1]
        bond = None
        if most_tokens >= LEAST_TOKENS or view.prompt_cache_key:
            bond = bond_of(request, call.principal.workspace_id, tokens)
        if is_repeatable and known is None:
            self._remember(request, tokens, complexity)
        return Weighed(model, strategy, complexity, tokens, most_tokens, wants_best, bond)

    def ask(self, weighed: Weighed, request: ChatRequest, call: Call, policy: RoutingPolicy) -> Ask:
        """The request as the decision sees it, for where there is a choice to make."""
        model = weighed.model
        return Ask(
            model,
            weighed.wants_best,
            weighed.strategy,
            policy.weights,
            weighed.complexity,
            weighed.prompt_tokens,
            _needs_of(request),
            request.is_stream,
            call.principal.allowed_models,
            _ANY_DAY if model else self._sources.clock.now().date(),
            weighed.bond,
            weighed.most_tokens,
        )

    def _remember(self, request: ChatRequest, tokens: PromptTokens, complexity: Complexity) -> None:
        """Keeps what was worked out of a body; what was worked out longest ago is forgotten first."""
        known = self._weighed
        if len(known) >= MAX_WEIGHED:
            del known[next(iter(known))]
        known[_key_of(request)] = tokens.counted, complexity

    async def policy(self, workspace_id: str) -> RoutingPolicy:
        """What the workspace decides for its requests."""
        return await self._sources.policy_of(workspace_id)

    async def entries(self, workspace_id: str) -> Sequence[Deployment]:
        """The workspace's entries as they are now."""
        known = self._sources.known_of(workspace_id)
        return await self._sources.deployments_of(workspace_id) if known is None else known.deployments

    def candidates(
        self, weighed: Weighed, request: ChatRequest, call: Call, policy: RoutingPolicy, known: Known
    ) -> Sequence[Candidate]:
        """Who is asked, in that order: those of the decision.

        `policy` is the one that the request was weighed by, `known` what is known of the workspace right now. Raises
        the decision's error when there is none.
        """
        ask, model, native = None, weighed.model, request.native
        form = "" if native is None or not native.needs else native.face
        plan = known.plans.get((model, call.principal.allowed_models, form))
        # With but one that can be asked there is nothing to weigh.
        if plan is not None and model and (option := plan.alone) is not None:
            can_be_asked = option.facts is None or (request.is_plain and _is_within(weighed, request, option.facts))
            if not can_be_asked:
                ask = self.ask(weighed, request, call, policy)
                can_be_asked = is_able(ask, option)
            rests_at, monotonic = self._rests_at, self._monotonic
            if can_be_asked and rests_at(option.candidate, monotonic()) is None:
                return (option.candidate,)
        ask = ask or self.ask(weighed, request, call, policy)
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

    async def decided(
        self, weighed: Weighed, request: ChatRequest, call: Call, policy: RoutingPolicy
    ) -> Sequence[Candidate]:
        """The same as `candidates`, whatever has to be loaded for it."""
        ask = self.ask(weighed, request, call, policy)
        return (await self.decide(ask, call.principal.workspace_id)).candidates

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


_ANY_DAY: Final = date.min
"""For requests that name their model: whether it is still served is not looked at."""


def _key_of(request: ChatRequest) -> tuple[int, int]:
    return hash(request.body), len(request.body)


def _is_within(weighed: Weighed, request: ChatRequest, facts: Model) -> bool:
    """Whether prompt and answer certainly fit, which is all that a plain request asks of a model that it names."""
    return weighed.most_tokens + output_bound_of(request.view) <= facts.context_window_tokens


def _needs_of(request: ChatRequest) -> Needs:
    native = request.native
    needs = plain_needs_of(request.view) if request.is_plain else needs_of(request.view)
    if native is not None and native.needs:
        return replace(needs, form=native.face, what=native.needs, param=native.needs_param)
    return needs
