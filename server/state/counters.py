"""Counting calls and tokens in memory: sliding windows and UTC days for each subject, exact at the edges.

Pure: time is an argument. What came at second t counts in a window of 60 seconds until just before t + 60; at t + 60
its place is free. What is kept of a subject are the times in its windows, and a number for each day's count. A subject
that was idle for as long as its longest window may be forgotten: its windows are empty then, and its day is for others
to know.
"""

from collections import OrderedDict, deque
from collections.abc import Iterator, Sequence
from typing import Final

from server.chat.rates import Grant, Measure, Moment, Quota, Standing, Verdict, Window

DAY_S: Final = 86_400
MAX_SUBJECTS: Final = 10_000
_SURPLUS: Final = 10


class Taken:
    """An amount that was taken at a time, in seconds of the monotonic clock."""

    __slots__ = ("amount", "time_s")

    def __init__(self, time_s: float, amount: int) -> None:
        self.time_s = time_s
        self.amount = amount


class Sliding:
    """What was taken in the last `span_s` seconds, oldest first."""

    __slots__ = ("entries", "span_s", "used")

    def __init__(self, span_s: float) -> None:
        self.span_s = span_s
        self.entries: deque[Taken] = deque()
        self.used = 0

    def move_to(self, at: Moment) -> None:
        """Lets go what no longer counts."""
        entries, since_s = self.entries, at.monotonic_s - self.span_s
        while entries and entries[0].time_s <= since_s:
            self.used -= entries.popleft().amount

    def add(self, amount: int, at: Moment) -> Taken:
        """Counts an amount."""
        taken = Taken(at.monotonic_s, amount)
        self.entries.append(taken)
        self.used += amount
        return taken

    def change(self, taken: Taken, amount: int) -> None:
        """Counts another amount in the place of one that may have gone meanwhile."""
        if self.entries and taken.time_s >= self.entries[0].time_s:
            self.used += amount - taken.amount
        taken.amount = amount

    def resets_in_s(self, quota: Quota, at: Moment) -> float:
        """When the oldest entry goes, or if the amount does not fit, enough of them."""
        missing = self.used + quota.amount - quota.limit
        for taken in self.entries:
            missing -= taken.amount
            if missing <= 0 and taken.amount:
                return taken.time_s + self.span_s - at.monotonic_s
        return 0.0


class Day:
    """What was taken on a day in UTC; `day` counts days since 1970.

    It begins to count at `since_epoch_s`. `knows_all` tells whether it knows what was taken before.
    """

    __slots__ = ("day", "knows_all", "since_epoch_s", "used")

    def __init__(self, at: Moment) -> None:
        self.day = int(at.epoch_s // DAY_S)
        self.since_epoch_s = at.epoch_s
        self.used = 0
        self.knows_all = False

    def learn(self, day: int, earlier: int) -> None:
        """Adds what was taken on `day` before this began to count, once."""
        if day == self.day and not self.knows_all:
            self.used += earlier
            self.knows_all = True

    def move_to(self, at: Moment) -> None:
        """Begins another day. A clock that is set back over midnight does not bring the old day back."""
        day = int(at.epoch_s // DAY_S)
        if day != self.day and day != self.day - 1:
            self.day, self.used, self.knows_all = day, 0, True

    def add(self, amount: int, at: Moment) -> Taken:
        """Counts an amount; its time is the day."""
        self.used += amount
        return Taken(self.day, amount)

    def change(self, taken: Taken, amount: int) -> None:
        """Counts another amount in the place of one, if it is of the same day."""
        if taken.time_s == self.day:
            self.used += amount - taken.amount
        taken.amount = amount

    def resets_in_s(self, quota: Quota, at: Moment) -> float:
        """The rest of the day."""
        return max((self.day + 1) * DAY_S - at.epoch_s, 0.0)


Tracker = Sliding | Day
Slot = tuple[Quota, Tracker, Taken]


class Tally:
    """What is counted of one subject. `retry_at_s` is when asking the books for its day is worth while again."""

    __slots__ = ("keeps_s", "retry_at_s", "seen_s", "trackers")

    def __init__(self, at: Moment) -> None:
        self.trackers: dict[tuple[Window, Measure], Tracker] = {}
        self.keeps_s = 0.0
        self.retry_at_s = at.monotonic_s
        self.seen_s = at.monotonic_s

    def tracker(self, window: Window, measure: Measure, at: Moment) -> Tracker:
        """What counts in that window, as of now."""
        found = self.trackers.get((window, measure))
        if found is None:
            found = Sliding(window.span_s) if window.span_s else Day(at)
            self.trackers[window, measure] = found
            self.keeps_s = max(self.keeps_s, window.span_s)
        else:
            found.move_to(at)
        return found

    def day(self, measure: Measure, at: Moment) -> Day:
        """What counts of that today."""
        found = self.tracker(Window.DAY, measure, at)
        assert isinstance(found, Day)
        return found


class Counters:
    """The tallies of everybody, those seen last at the end.

    Above `max_subjects` those are forgotten that were idle for as long as their windows; above ten times as many those
    that were seen longest ago, whatever they hold.
    """

    def __init__(self, max_subjects: int = MAX_SUBJECTS) -> None:
        self._max_subjects = max_subjects
        self._tallies: OrderedDict[str, Tally] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tallies)

    def tally(self, subject: str, at: Moment) -> Tally:
        """The subject's tally, a new one if there is none."""
        found = self._tallies.get(subject)
        if found is None:
            found = self._tallies[subject] = Tally(at)
            self._forget_idle(at)
        else:
            self._tallies.move_to_end(subject)
            found.seen_s = at.monotonic_s
        return found

    def take(self, quotas: Sequence[Quota], at: Moment) -> Verdict:
        """Counts one call in all quotas, or in none when it does not fit into one."""
        trackers = [self.tally(quota.subject, at).tracker(quota.window, quota.measure, at) for quota in quotas]
        fits = [tracker.used + quota.amount <= quota.limit for quota, tracker in zip(quotas, trackers, strict=True)]
        if not all(fits):
            standings = _standings(quotas, trackers, at)
            waits = [standing for standing, does_fit in zip(standings, fits, strict=True) if not does_fit]
            return Verdict(None, standings, max(waits, key=lambda standing: standing.resets_in_s))
        slots = _add(quotas, trackers, at)
        return Verdict(Grant(tuple(quotas), slots), _standings(quotas, trackers, at))

    def add(self, quotas: Sequence[Quota], at: Moment) -> Grant:
        """Counts one call that somebody else has admitted."""
        trackers = [self.tally(quota.subject, at).tracker(quota.window, quota.measure, at) for quota in quotas]
        return Grant(tuple(quotas), _add(quotas, trackers, at))

    def forget_days(self) -> None:
        """Forgets what is known of days, so that the books are asked anew."""
        for tally in self._tallies.values():
            for measure in Measure:
                tally.trackers.pop((Window.DAY, measure), None)

    def _forget_idle(self, at: Moment) -> None:
        tallies = self._tallies
        while len(tallies) > self._max_subjects:
            subject, oldest = next(iter(tallies.items()))
            if oldest.seen_s + oldest.keeps_s > at.monotonic_s and len(tallies) <= _SURPLUS * self._max_subjects:
                return
            del tallies[subject]


def settle(grant: Grant, used_tokens: int, day_factor: int = 1) -> None:
    """Puts the tokens that were used in the place of those that were taken, on days so many times as many."""
    slots: list[Slot] = grant.handle
    for quota, tracker, taken in slots:
        if quota.measure is Measure.TOKENS:
            tracker.change(taken, used_tokens * (day_factor if quota.window is Window.DAY else 1))


def of_days(grant: Grant, used_tokens: int) -> Iterator[tuple[str, Measure, int, int]]:
    """What a call with so many tokens adds to days: subject, measure, day since 1970, how much."""
    slots: list[Slot] = grant.handle
    for quota, _, taken in slots:
        if quota.window is Window.DAY:
            amount = used_tokens if quota.measure is Measure.TOKENS else 1
            yield quota.subject, quota.measure, int(taken.time_s), amount


def cancel(grant: Grant) -> None:
    """Gives everything back."""
    slots: list[Slot] = grant.handle
    for _, tracker, taken in slots:
        tracker.change(taken, 0)


def _add(quotas: Sequence[Quota], trackers: Sequence[Tracker], at: Moment) -> list[Slot]:
    return [(quota, tracker, tracker.add(quota.amount, at)) for quota, tracker in zip(quotas, trackers, strict=True)]


def _standings(quotas: Sequence[Quota], trackers: Sequence[Tracker], at: Moment) -> tuple[Standing, ...]:
    return tuple(
        Standing(quota, max(quota.limit - tracker.used, 0), tracker.resets_in_s(quota, at), at.epoch_s)
        for quota, tracker in zip(quotas, trackers, strict=True)
    )
