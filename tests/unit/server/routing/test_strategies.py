"""Scores: what is better is higher, what is not known is worst, and weights count by proportion."""

from server.chat.deployment import Candidate
from server.chat.policy import Weights
from server.routing.measured import Measured
from server.routing.plan import Option
from server.routing.strategies import UNKNOWN_TIER, Figures, figures_of, scores_of, shortfall
from tests.unit.server.routing.worlds import KNOWN, ask, entry, measured, world

OPENAI = entry("o", "openai")
BEST = Option(Candidate(OPENAI, "best"), KNOWN["openai", "best"])
UNKNOWN = Option(Candidate(OPENAI, "x"), None)


def figures(price: int | None, latency_ms: int, tier: int = 3, error_rate: float = 0.0) -> Figures:
    return Figures(price, latency_ms, error_rate, tier, 0.0)


def test_the_cheapest_and_the_quickest_score_one() -> None:
    cheap, dear, unknown = scores_of([figures(100, 900), figures(1_000, 300), figures(None, 2_700)], Weights())
    assert (cheap.cost, dear.cost, unknown.cost) == (1.0, 0.0, 0.0)
    assert (dear.speed, unknown.speed) == (1.0, 0.0)
    assert 0.45 < cheap.speed < 0.55


def test_equals_score_alike_and_a_single_one_is_the_best() -> None:
    assert [item.cost for item in scores_of([figures(5, 1), figures(5, 1)], Weights())] == [1.0, 1.0]
    assert scores_of([figures(5, 1, 5)], Weights())[0].balanced == 1.0


def test_only_the_proportions_of_weights_matter() -> None:
    both = [figures(100, 900, 2), figures(1_000, 300, 5)]
    small = scores_of(both, Weights(0.4, 0.35, 0.25))
    large = scores_of(both, Weights(40, 35, 25))
    assert [round(item.balanced, 9) for item in small] == [round(item.balanced, 9) for item in large]
    assert scores_of(both, Weights(1, 0, 0))[0].balanced == 1.0


def test_measurements_take_the_place_of_expectations_little_by_little() -> None:
    asked = ask("best")
    nothing = figures_of(BEST, asked, world([OPENAI]))
    once = figures_of(BEST, asked, world([OPENAI], measured_of=measured(o=Measured(1, 1, 200.0, 0.0))))
    often = figures_of(BEST, asked, world([OPENAI], measured_of=measured(o=Measured(99, 99, 200.0, 0.25))))
    assert nothing.latency_ms == 3000
    assert once.latency_ms == 1600
    assert often.latency_ms == 228
    assert (nothing.error_rate, often.error_rate) == (0.01, 0.25)


def test_a_model_that_nobody_knows_is_taken_for_a_middling_one() -> None:
    assert figures_of(UNKNOWN, ask(), world([OPENAI])).quality_tier == UNKNOWN_TIER
    assert shortfall(UNKNOWN, 5) == 2
    assert shortfall(BEST, 3) == 0
    assert shortfall(UNKNOWN, None) == 0
