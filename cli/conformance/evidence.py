"""What was seen of one fault, from both sides of the gateway, and the checks that look at it. Pure.

A check says why it is not met, or nothing. Attempts are requests that arrived at an upstream.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec import Struct

from cli.conformance.caller import Outcome


@dataclass(slots=True)
class Evidence:
    """Times are seconds since the first request of the fault was sent, of the clock of `Outcome.began_s`.

    `primary_s` and `fallback_s` are when attempts arrived. `prefills` is how many of the fallback's ended with the
    assistant's words. `primary_models` and `fallback_models` are what the two were asked for and called themselves.
    `is_alive` is whether a plain request was served afterwards. `down_s` is how long the primary was down.
    """

    outcomes: list[Outcome]
    primary_s: list[float] = field(default_factory=list)
    fallback_s: list[float] = field(default_factory=list)
    prefills: int = 0
    primary_models: set[str] = field(default_factory=set)
    fallback_models: set[str] = field(default_factory=set)
    is_alive: bool = True
    down_s: float = 0.0

    @property
    def outcome(self) -> Outcome:
        """Of the first request, which is the only one but for faults that last."""
        return self.outcomes[0]

    def sent_s(self, number: int) -> float:
        """When a request was sent."""
        return self.outcomes[number].began_s - self.outcomes[0].began_s

    def is_from_fallback(self, number: int) -> bool:
        """Whether the fallback was asked for a request, while it ran."""
        began_s = self.sent_s(number)
        return any(began_s <= at_s <= began_s + self.outcomes[number].took_s for at_s in self.fallback_s)


class Check(Struct, frozen=True):
    """One check. Advice that is not met makes a rescue partial; what is no advice makes it a failure."""

    name: str
    unmet: Callable[[Evidence], str]
    is_advice: bool = False


def advice(check: Check) -> Check:
    """The same check as advice."""
    return Check(check.name, check.unmet, is_advice=True)


def attempts(least: int = 0, most: int = 1000) -> Check:
    """How often the primary is asked."""

    def unmet(seen: Evidence) -> str:
        count = len(seen.primary_s)
        return "" if least <= count <= most else f"{count} attempts at the primary"

    return Check("attempts", unmet)


def waits(at_least_s: float) -> Check:
    """How long the second attempt waits after the first; that it is made at all."""

    def unmet(seen: Evidence) -> str:
        if len(seen.primary_s) < 2:
            return "the primary was not asked again"
        gap_s = seen.primary_s[1] - seen.primary_s[0]
        return "" if gap_s >= at_least_s else f"asked again after {gap_s:.1f} s"

    return Check("waits", unmet)


def calm(within_s: float, most: int) -> Check:
    """No storm: so many attempts at most in the first seconds."""

    def unmet(seen: Evidence) -> str:
        first_s = seen.primary_s[0] if seen.primary_s else 0.0
        count = sum(at_s - first_s <= within_s for at_s in seen.primary_s)
        return "" if count <= most else f"{count} attempts within {within_s:g} s"

    return Check("calm", unmet)


def ends_within(limit_s: float) -> Check:
    """How long the caller waits for an outcome."""

    def unmet(seen: Evidence) -> str:
        took_s = seen.outcome.took_s
        return "" if took_s <= limit_s else f"took {took_s:.1f} s"

    return Check("ends-in-time", unmet)


def whole(expected: str) -> Check:
    """The answer comes in full."""
    return Check("whole", lambda seen: "" if seen.outcome.text == expected else "the answer is not whole")


def alive() -> Check:
    """The gateway serves the next plain request."""
    return Check("alive", lambda seen: "" if seen.is_alive else "the next plain request was not served")


def usage() -> Check:
    """Usage is reported."""
    return Check("usage", lambda seen: "" if seen.outcome.has_usage else "no usage is reported")


def names_the_fallback() -> Check:
    """The answer is called by the name of the model that gave it."""

    def unmet(seen: Evidence) -> str:
        name = seen.outcome.model
        if not seen.fallback_s or name in seen.fallback_models - seen.primary_models:
            return ""
        return f"the answer is said to be of {name or 'nobody'}"

    return Check("names-the-fallback", unmet)


def no_prefill_error() -> Check:
    """A refused continuation is not what the caller is told."""

    def unmet(seen: Evidence) -> str:
        return "a refused continuation hides the failure" if seen.prefills and seen.outcome.error else ""

    return Check("no-prefill-error", unmet)


def served_while_down() -> Check:
    """Every request of the outage is answered."""

    def unmet(seen: Evidence) -> str:
        sent = [number for number in range(len(seen.outcomes)) if seen.sent_s(number) < seen.down_s]
        lost = sum(bool(seen.outcomes[number].error) for number in sent)
        return f"{lost} of {len(sent)} requests were lost while the primary was down" if lost else ""

    return Check("served-while-down", unmet)


def back_within(limit_s: float) -> Check:
    """How soon after its recovery the primary serves again."""

    def unmet(seen: Evidence) -> str:
        for number in range(len(seen.outcomes)):
            sent_s = seen.sent_s(number)
            if sent_s >= seen.down_s and not seen.outcomes[number].error and not seen.is_from_fallback(number):
                late_s = sent_s - seen.down_s
                return "" if late_s <= limit_s else f"the primary serves {late_s:.0f} s after it is back"
        return "the primary serves no more"

    return Check("back", unmet)


def probes_seldom(most: int) -> Check:
    """How often a primary that is down is asked."""

    def unmet(seen: Evidence) -> str:
        count = sum(at_s < seen.down_s for at_s in seen.primary_s)
        return "" if count <= most else f"{count} attempts at the primary while it was down"

    return Check("probes-seldom", unmet)
