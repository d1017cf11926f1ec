"""Counting calls in memory: a sliding minute and a UTC day for each subject, exact at the edges.

Pure: time is an argument. A call at second t counts until just before t + 60; at t + 60 its place is free. What is kept
of a subject is at most as many times as its limit, and two numbers. A subject that was idle for a minute may be
forgotten: its minute is empty then, and its day is for others to know.
"""

from collections import OrderedDict, deque
from collections.abc import Sequence

from server.chat.rates import Moment, Quota, Standing, Verdict, Window

MINUTE_S = 60.0
DAY_S = 86_400
MAX_SUBJECTS = 10_000


class Tally:
    """The calls of one subject.

    `times` are those of the last minute, oldest first, in seconds of the monotonic clock. `day` counts days since 1970,
    `day_count` the calls of that day that are known; `knows_day` tells whether that is all of them. `made_epoch_s` is
    when the tally began, `retry_at_s` when asking for the rest is worth while again.
    """

    __slots__ = ("day", "day_count", "knows_day", "made_epoch_s", "retry_at_s", "seen_s", "times")

    def __init__(self, at: Moment) -> None:
        self.times: deque[float] = deque()
        self.day = int(at.epoch_s // DAY_S)
        self.day_count = 0
        self.knows_day = False
        self.made_epoch_s = at.epoch_s
        self.retry_at_s = at.monotonic_s
        self.seen_s = at.monotonic_s

    def move_to(self, at: Moment) -> None:
        """Lets go what no longer counts. A clock that is set back over midnight does not bring the old day back."""
        self.seen_s = at.monotonic_s
        times = self.times
        while times and times[0] + MINUTE_S <= at.monotonic_s:
            times.popleft()
        day = int(at.epoch_s // DAY_S)
        if day != self.day and day != self.day - 1:  # this runs for every call
            self.day, self.day_count, self.knows_day = day, 0, True

    def learn(self, day: int, earlier_count: int) -> None:
        """Adds the calls of `day` from before the tally was made."""
        if day == self.day and not self.knows_day:
            self.day_count += earlier_count
            self.knows_day = True

    def used(self, window: Window) -> int:
        """How many calls the window holds."""
        return len(self.times) if window is Window.MINUTE else self.day_count

    def add(self, window: Window, at: Moment) -> None:
        """Counts a call."""
        if window is Window.MINUTE:
            self.times.append(at.monotonic_s)
        else:
            self.day_count += 1

    def resets_in_s(self, quota: Quota, at: Moment) -> float:
        """When the window gives back the next place, or if there is none the first that a call may take."""
        if quota.window is Window.DAY:
            return max((self.day + 1) * DAY_S - at.epoch_s, 0.0)
        if not self.times:
            return 0.0
        over_count = max(len(self.times) - max(quota.limit, 1), 0)
        return self.times[over_count] + MINUTE_S - at.monotonic_s


class Counters:
    """The tallies of everybody, those seen last at the end.

    Above `max_subjects` those that were idle for a minute are forgotten, so that at most as many are kept as that, or
    as were seen in the last minute.
    """

    def __init__(self, max_subjects: int = MAX_SUBJECTS) -> None:
        self._max_subjects = max_subjects
        self._tallies: OrderedDict[str, Tally] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tallies)

    def knows_day(self, subject: str) -> bool:
        """Whether all calls of the subject's day are known."""
        found = self._tallies.get(subject)
        return found is not None and found.knows_day

    def tally(self, subject: str, at: Moment) -> Tally:
        """The subject's tally as of now, a new one if there is none."""
        found = self._tallies.get(subject)
        if found is None:
            found = self._tallies[subject] = Tally(at)
            self._forget_idle(at)
        else:
            self._tallies.move_to_end(subject)
            found.move_to(at)
        return found

    def take(self, quotas: Sequence[Quota], at: Moment) -> Verdict:
        """Counts one call in all quotas, or in none when one of them is used up."""
        held: list[tuple[Quota, Tally]] = []
        subject, tally, is_admitted = "", None, True
        for quota in quotas:
            if tally is None or quota.subject != subject:
                subject, tally = quota.subject, self.tally(quota.subject, at)
            held.append((quota, tally))
            if tally.used(quota.window) >= quota.limit:
                is_admitted = False
        if is_admitted:
            for quota, tally in held:
                tally.add(quota.window, at)
        return Verdict(is_admitted, _tightest(held, at))

    def _forget_idle(self, at: Moment) -> None:
        tallies = self._tallies
        while len(tallies) > self._max_subjects:
            subject, oldest = next(iter(tallies.items()))
            if oldest.seen_s + MINUTE_S > at.monotonic_s:
                return
            del tallies[subject]


def _tightest(held: Sequence[tuple[Quota, Tally]], at: Moment) -> Standing:
    """The quota with the least left; of two that have the same, the one that resets later."""
    least, resets_in_s, tightest = -1, 0.0, held[0][0]
    for quota, tally in held:
        remaining = max(quota.limit - tally.used(quota.window), 0)
        if remaining <= least or least < 0:
            wait_s = tally.resets_in_s(quota, at)
            if remaining < least or least < 0 or wait_s > resets_in_s:
                least, resets_in_s, tightest = remaining, wait_s, quota
    return Standing(tightest, least, resets_in_s, at.epoch_s)
