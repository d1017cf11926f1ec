"""What is said when no candidate is left: the filters by name, under the reason that says most."""

import pytest

from server.chat.deployment import Candidate
from server.routing.ask import Ask
from server.routing.decision import decide
from server.routing.features import Needs
from server.routing.filters import rejected_as_resting
from server.routing.nobody import nobody_awake
from server.routing.plan import Resting
from server.routing.world import World
from tests.unit.server.routing.worlds import ask, entry, world

OPENAI, GROQ, DEMO = entry("o", "openai"), entry("g", "groq"), entry("d", "demo")


def resting(*, is_limit: bool = False) -> World:
    """A world whose upstreams all rest, one of them for longer."""

    def rests_for(candidate: Candidate) -> Resting:
        rests_s = 9.0 if candidate.deployment.provider_id == "o" else 4.0
        return Resting(rests_s, rests_s - 1.0, "of a test", is_limit)

    return world([OPENAI, GROQ], rests_for=rests_for)


HUGE = 10**7

CASES: list[tuple[str, Ask, World, str, list[str], list[str]]] = [
    ("a typo", ask("demo/ecko"), world([DEMO]), "MODEL_UNKNOWN", ["`demo/echo`"], []),
    ("a name without its provider", ask("eccho"), world([DEMO]), "MODEL_UNKNOWN", ["`demo/echo`"], []),
    ("nothing near", ask("zzzz"), world([DEMO]), "MODEL_UNKNOWN", ["GET /v1/models"], []),
    ("too long for everybody", ask(prompt_tokens=HUGE), world([GROQ]), "CONTEXT_TOO_LONG",
     ["groq/fast", "2000000 tokens"], ["context"]),
    ("images that nobody sees", ask(needs=Needs(images=True)), world([GROQ]), "PARAM_UNSUPPORTED",
     ["groq/fast, groq/big", "images"], ["vision"]),
    ("tools that the named model does not call", ask("plain", needs=Needs(tools=True)), world([OPENAI]),
     "PARAM_UNSUPPORTED", ["openai/plain"], ["tools"]),
    ("sound that nobody hears", ask(needs=Needs(audio=True)), world([GROQ]), "PARAM_UNSUPPORTED", ["sound"], ["audio"]),
    ("a key that may use nothing here", ask(allowed_models=("x",)), world([GROQ]), "MODEL_NOT_ALLOWED",
     ["groq/fast, groq/big", "allow-list"], ["key"]),
    ("resting upstreams say when", ask("best"), resting(), "NO_HEALTHY_ROUTE",
     ["rests for 9.0 s because of a test"], ["health"]),
    ("upstreams that only limit", ask("best"), resting(is_limit=True), "UPSTREAM_RATE_LIMITED", ["rests"], ["health"]),
    ("several filters are all told", ask(needs=Needs(images=True), prompt_tokens=150_000), world([OPENAI, GROQ]),
     "CONTEXT_TOO_LONG", ["openai/best", "groq/big: it does not take images"], ["context", "vision", "retired"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "state", "reason", "words", "filters"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_nobody_left(asked: Ask, state: World, reason: str, words: list[str], filters: list[str]) -> None:
    error = decide(asked, state).error
    assert error is not None
    assert error.reason == reason
    assert [word for word in words if word not in error.message] == []
    assert [name for name in filters if name not in error.details] == []


def test_the_wait_is_that_until_the_first_may_be_asked() -> None:
    error = decide(ask(), resting()).error
    assert error is not None
    assert error.retry_after_s == 3.0


def test_those_who_were_not_asked_because_they_rest_are_told_alike() -> None:
    item = rejected_as_resting(Candidate(OPENAI, "best"), Resting(5.0, 2.0, "its calls failed"))
    error = nobody_awake([item])
    assert (error.reason, error.retry_after_s) == ("NO_HEALTHY_ROUTE", 2.0)
    assert error.details == {"health": "openai/best"}
    assert "openai/best: it rests for 5.0 s because its calls failed" in error.message


def test_names_that_the_key_may_not_use_are_not_suggested() -> None:
    error = decide(ask("demo/ecko", allowed_models=("demo/slow",)), world([DEMO])).error
    assert error is not None
    assert "demo/echo" not in error.message
