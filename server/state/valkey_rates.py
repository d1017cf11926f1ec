"""Rates in Valkey or Redis, for all replicas together: every call is one script there, by the server's own clock."""

import asyncio
import itertools
import secrets
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from server.chat.rates import CountOf, Grant, Measure, Quota, Standing, Verdict, no_books
from server.state.books import Books
from server.state.counters import DAY_S
from server.state.link import ValkeyLink

_US: Final = 1_000_000
_LETTERS: Final = {Measure.REQUESTS: "r", Measure.TOKENS: "t"}
_UNKNOWN: Final = 2
_ADMITTED: Final = 1
_GIVE_BACK: Final = -1
_MAX_KNOWN: Final = 10_000

HELD_S: Final = 3_600.0
"""How long tokens of a day are held for a call that nobody settles: longer than any call takes."""


class ValkeyRates:
    """A rate store over a link. Raises StateAwayError where `RateStore` knows no error; `close` it."""

    def __init__(self, link: ValkeyLink, count_of: CountOf = no_books, held_s: float = HELD_S) -> None:
        self._link = link
        self._books = Books(count_of)
        self._held_us = str(int(held_s * _US))
        # Grants of different processes never share an id.
        self._process = secrets.token_hex(8)
        self._numbers = itertools.count()
        self._known: dict[Quota, tuple[str, ...]] = {}

    async def take(self, quotas: Sequence[Quota]) -> Verdict:
        """See `RateStore.take`. Raises StateAwayError."""
        grant_id = f"{self._process}{next(self._numbers):x}"
        rest = self._texts_of(quotas)
        reply = await self._ask(grant_id, quotas, [grant_id, self._held_us, "0", *rest])
        if reply[1] == _UNKNOWN:
            await self._learn([quotas[number - 1] for number in reply[2:]], int(reply[0]))
            reply = await self._ask(grant_id, quotas, [grant_id, self._held_us, "0", *rest])
        if reply[1] == _UNKNOWN:
            reply = await self._ask(grant_id, quotas, [grant_id, self._held_us, "1", *rest])
        return _verdict(reply, grant_id, tuple(quotas))

    def take_now(self, quotas: Sequence[Quota]) -> Verdict | None:
        """See `RateStore.take_now`: there is always something to wait for."""
        return None

    def _texts_of(self, quotas: Sequence[Quota]) -> list[str]:
        """What the script is told of quotas."""
        texts: list[str] = []
        for quota in quotas:
            texts += self._known.get(quota) or self._text(quota)
        return texts

    def _text(self, quota: Quota) -> tuple[str, ...]:
        """Kept where it is the same each time."""
        text = (*_place(quota), str(quota.limit), str(quota.amount))
        if quota.measure is Measure.REQUESTS:
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            self._known[quota] = text
        return text

    def settle(self, grant: Grant, used_tokens: int) -> None:
        """See `RateStore.settle`."""
        if any(quota.measure is Measure.TOKENS for quota in grant.quotas):
            self._settle(grant, used_tokens)

    def cancel(self, grant: Grant) -> None:
        """See `RateStore.cancel`."""
        self._settle(grant, _GIVE_BACK)

    def add_to_day(self, counts: Sequence[tuple[str, Measure, int, int]]) -> None:
        """Adds to days that are known what was counted elsewhere: subject, measure, day since 1970, how much."""
        texts = [
            text
            for subject, measure, day, amount in counts
            for text in (subject, _LETTERS[measure], str(day), str(amount))
        ]
        if texts:
            self._link.say("learn", ["add", *texts])

    async def close(self) -> None:
        """Ends what is still being asked of the books."""
        await self._books.close()

    def _ask(self, grant_id: str, quotas: Sequence[Quota], args: list[str]) -> "asyncio.Future[Any]":
        """A caller who leaves before it is told gives back what it took."""
        return self._link.ask("take", args, partial(self._undo, grant_id, tuple(quotas)))

    def _undo(self, grant_id: str, quotas: tuple[Quota, ...], reply: Any) -> None:
        if reply[1] == _ADMITTED:
            self.cancel(Grant(quotas, (grant_id, int(reply[0]))))

    def _settle(self, grant: Grant, used_tokens: int) -> None:
        grant_id, made_us = grant.handle
        rest = [text for quota in grant.quotas for text in (*_place(quota), str(quota.amount))]
        said = [grant_id, str(made_us), str(used_tokens)]
        self._link.say("settle", [*said, "0", *rest], again=[*said, "1", *rest])

    async def _learn(self, quotas: Sequence[Quota], now_us: int) -> None:
        """Asks the books for days that the server does not know."""
        day = now_us // _US // DAY_S
        for quota in quotas:
            learn = partial(self._begin_day, quota.subject, quota.measure, day)
            await self._books.ask(quota.subject, quota.measure, now_us / _US, learn)

    def _begin_day(self, subject: str, measure: Measure, day: int, used: int) -> None:
        begun = ["begin", subject, _LETTERS[measure], str(day), str(used)]
        self._link.say("learn", begun, again=begun)


def _place(quota: Quota) -> tuple[str, str, str]:
    return quota.subject, str(int(quota.window.span_s * _US)), _LETTERS[quota.measure]


def _verdict(reply: Sequence[Any], grant_id: str, quotas: tuple[Quota, ...]) -> Verdict:
    now_us = int(reply[0])
    now_s = now_us / _US
    standings = []
    place = 2
    for quota in quotas:
        left = quota.limit - int(reply[place])
        standings.append(Standing(quota, left if left > 0 else 0, int(reply[place + 1]) / _US, now_s))
        place += 2
    if reply[1] == _ADMITTED:
        return Verdict(Grant(quotas, (grant_id, now_us)), tuple(standings))
    waits = [standing for standing in standings if not standing.fits]
    return Verdict(None, tuple(standings), max(waits, key=lambda standing: standing.resets_in_s))
