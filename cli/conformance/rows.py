"""The faults that gateways are known for, with what a good one makes of them. Data only.

`S01` to `S16` are the sixteen that gateways are compared by in public, with the same waits under the profile `full`;
`X01` and up are ours. A plain answer is of sixty tokens, 15 ms apart, so that one that was cut is not taken for whole.
"""

from typing import Final

from msgspec import Struct

from cli.conformance import evidence as see
from cli.conformance.evidence import Check, advice

TOKENS: Final = 60
PLAIN: Final = f"slow?ms=15&n={TOKENS}"
TEXT: Final = "".join(f"token{number} " for number in range(TOKENS))


class Profile(Struct, frozen=True):
    """How long things take, in seconds. `hang_s` is when a caller of the slowest fault gives up."""

    name: str
    first_token_s: float
    first_token_limit_s: float
    stall_s: float
    stall_limit_s: float
    silent_limit_s: float
    hang_s: float
    outage_s: float
    requests: int
    pause_s: float
    back_s: float


FULL: Final = Profile("full", 20.0, 15.0, 30.0, 45.0, 100.0, 130.0, 60.0, 20, 4.0, 30.0)
QUICK: Final = Profile("quick", 4.0, 3.0, 6.0, 9.0, 20.0, 25.0, 10.0, 14, 1.2, 10.0)
PROFILES: Final = {profile.name: profile for profile in (FULL, QUICK)}


class Row(Struct, frozen=True):
    """One fault. `primary` and `fallback` are scenarios of the mock; `refused` closes the primary's port.

    `wants_error`: the best outcome is the provider's own refusal. `requests` are sent, `pause_s` seconds apart.
    """

    id: str
    title: str
    primary: str
    checks: tuple[Check, ...]
    limit_s: float = 45.0
    fallback: str = ""
    wants_error: bool = False
    requests: int = 1
    pause_s: float = 0.0
    down_s: float = 0.0


def rows(profile: Profile) -> tuple[Row, ...]:
    """Every fault, with the waits of a profile."""
    return (*_limits(), *_failures(profile), *_streams(profile), *_refusals(), *_long(profile), *_more())


def _limits() -> tuple[Row, ...]:
    return (
        Row(
            "S01",
            "429 with Retry-After: 2, once",
            "status-429?retry_after=2+times?n=1",
            (see.calm(1.5, 2), advice(see.attempts(least=2)), advice(see.waits(1.8))),
            limit_s=20.0,
        ),
        Row("S02", "429 without Retry-After, for ever", "status-429", (see.calm(3.0, 4), see.attempts(most=6))),
    )


def _failures(profile: Profile) -> tuple[Row, ...]:
    delay = f"delay-first?ms={profile.first_token_s * 1000:.0f}+{PLAIN}"
    return (
        Row("S03", "500 once", "status-500+times?n=1", (advice(see.attempts(least=2)),), limit_s=20.0),
        Row("S04", "503 for ever", "status-503", (see.attempts(most=6),)),
        Row("S05", "Reset before the headers, once", "reset-headers+times?n=1", (), limit_s=20.0),
        Row(
            "S06",
            "No answer at all",
            "stall-headers",
            (see.ends_within(profile.silent_limit_s), advice(see.attempts(most=1))),
            limit_s=profile.hang_s,
        ),
        Row(
            "S07",
            f"First token after {profile.first_token_s:g} s",
            delay,
            (advice(see.ends_within(profile.first_token_limit_s)),),
            limit_s=60.0,
        ),
    )


def _streams(profile: Profile) -> tuple[Row, ...]:
    return (
        Row("S08", "Stream cut after 40 tokens", f"{PLAIN}+close-after?n=41", ()),
        Row(
            "S09",
            f"Silence of {profile.stall_s:g} s after 20 tokens",
            f"{PLAIN}+stall-after?n=21&ms={profile.stall_s * 1000:.0f}",
            (see.ends_within(profile.stall_limit_s), see.alive()),
            limit_s=70.0,
        ),
        Row(
            "S10",
            "One event that is not JSON",
            f"{PLAIN}+malformed-event?n=10",
            (see.alive(), advice(see.whole(TEXT))),
            limit_s=30.0,
        ),
        Row("S11", "No [DONE]", f"{PLAIN}+no-done", (see.ends_within(8.0), advice(see.usage())), limit_s=30.0),
    )


def _refusals() -> tuple[Row, ...]:
    return (
        Row(
            "S12",
            "400, the context is too long",
            "status-400?code=context_length_exceeded",
            (see.attempts(least=1, most=1),),
            limit_s=20.0,
        ),
        Row(
            "S13",
            "400, the content is refused",
            "status-400?code=content_policy_violation",
            (see.attempts(least=1, most=1),),
            limit_s=20.0,
            wants_error=True,
        ),
        Row(
            "S14",
            "Stream cut, and the fallback refuses to continue",
            f"{PLAIN}+close-after?n=41",
            (see.no_prefill_error(),),
            fallback=f"no-prefill+{PLAIN}",
        ),
    )


def _long(profile: Profile) -> tuple[Row, ...]:
    return (
        Row(
            "S15",
            f"Down for {profile.outage_s:g} s, then back",
            f"status-503+lasts?ms={profile.outage_s * 1000:.0f}",
            (see.served_while_down(), see.back_within(profile.back_s)),
            limit_s=30.0,
            requests=profile.requests,
            pause_s=profile.pause_s,
            down_s=profile.outage_s,
        ),
        Row(
            "S16",
            "Accounting of a fallback",
            "status-503",
            (see.attempts(most=6), see.names_the_fallback(), advice(see.usage())),
        ),
    )


def _more() -> tuple[Row, ...]:
    return (
        Row(
            "X01",
            "500 everywhere",
            "status-500",
            (see.attempts(most=6), see.ends_within(30.0), see.alive()),
            fallback="status-500",
            wants_error=True,
        ),
        Row("X02", "Connections are refused", "refused", (see.ends_within(10.0),)),
        Row("X03", "Cut after the finish reason", f"{PLAIN}+close-after?n={TOKENS + 2}", (see.ends_within(8.0),)),
        Row("X04", "An error as the first event", "error-event?n=0&type=server_error", (see.attempts(most=6),)),
        Row("X05", "Status 200 with an HTML page", "html", (see.attempts(most=6),)),
        Row("X06", "An error in the middle of a stream", f"{PLAIN}+error-event?n=21", (see.alive(),)),
    )
