"""RoutingService: what the router would do with a request, and why."""

from collections.abc import Callable

from perpetuo.v1 import routing_pb2, routing_pb2_grpc

from server.chat.knobs import knobs_from
from server.chat.request import ChatRequest, parse_chat_request
from server.ledger.list_prices import blended_usd_per_1m
from server.providers.dialect import Dialect
from server.routing.ask import AUTO
from server.routing.complexity import Judgement
from server.routing.decision import Decision, Ranked
from server.routing.preview import notes_in_advance
from server.routing.router import Asked, Router
from server.services.calling import Calls, Context

DialectFor = Callable[[str, ChatRequest], Dialect]
"""A provider's dialect for a request."""


class RoutingServicer(routing_pb2_grpc.RoutingServiceServicer):
    """Explains decisions of a router."""

    def __init__(self, router: Router, calls: Calls, dialect_for: DialectFor) -> None:
        self._router = router
        self._calls = calls
        self._dialect_for = dialect_for

    async def Explain(self, request: routing_pb2.ExplainRequest, context: Context) -> routing_pb2.ExplainResponse:
        """The decision for a request, without making it happen."""
        call = self._calls.call(context)
        read = parse_chat_request(request.body.data)
        knobs = knobs_from(read, call.knobs)
        read.is_strict = knobs.strict is True
        asked = await self._router.read(read, knobs, call)
        decision = await self._router.decide(asked.ask, call.principal.workspace_id, in_full=True)
        answer = explained(read.model, asked, decision)
        for item, told in zip(decision.ranked, answer.candidates, strict=True):
            dialect = self._dialect_for(item.candidate.deployment.provider, read)
            told.notes.extend(notes_in_advance(read, item.candidate, dialect))
        return answer


def explained(model: str | None, asked: Asked, decision: Decision) -> routing_pb2.ExplainResponse:
    """A decision as a message."""
    answer = routing_pb2.ExplainResponse(
        model_requested=model or AUTO,
        strategy=asked.ask.strategy,
        complexity=_complexity(asked.judgement, asked.ask.quality_needed),
        prompt_tokens=int(asked.ask.prompt_tokens),
        candidates=[_candidate(rank, item) for rank, item in enumerate(decision.ranked, 1)],
        rejected=[
            routing_pb2.ExplainedRejection(
                provider_id=item.candidate.deployment.provider_id,
                provider=item.candidate.deployment.provider,
                model=item.candidate.model,
                filter=item.filter.value,
                reason=item.reason,
            )
            for item in decision.rejected
        ],
    )
    if decision.stay is not None:
        answer.stay.by = decision.stay.by
        answer.stay.provider_id = decision.stay.provider_id
        answer.stay.because = decision.stay.because
    if decision.error is not None:
        answer.error.reason = decision.error.reason
        answer.error.message = decision.error.message
    return answer


def _complexity(judgement: Judgement, needed: int | None) -> routing_pb2.ExplainedComplexity:
    return routing_pb2.ExplainedComplexity(
        level=judgement.level.value,
        score=judgement.score,
        points=[
            routing_pb2.ExplainedPoints(rule=item.rule, points=item.points, because=item.because)
            for item in judgement.points
        ],
        quality_tier_needed=needed,
    )


def _candidate(rank: int, item: Ranked) -> routing_pb2.ExplainedCandidate:
    deployment = item.candidate.deployment
    answer = routing_pb2.ExplainedCandidate(
        rank=rank,
        provider_id=deployment.provider_id,
        provider=deployment.provider,
        model=item.candidate.model,
        priority=deployment.priority,
        quality_shortfall=item.shortfall,
    )
    if item.figures is not None and item.scores is not None:
        figures, scores = item.figures, item.scores
        answer.expected_latency_ms = figures.latency_ms
        answer.expected_error_rate = figures.error_rate
        answer.measured_calls = round(figures.measured_calls, 3)
        price = blended_usd_per_1m(figures.price_nanousd)
        if price is not None:
            answer.blended_price_per_1m = price
        answer.scores.cost = round(scores.cost, 4)
        answer.scores.quality = round(scores.quality, 4)
        answer.scores.speed = round(scores.speed, 4)
        answer.scores.reliability = round(scores.reliability, 4)
        answer.scores.balanced = round(scores.balanced, 4)
    return answer
