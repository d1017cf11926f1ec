"""The attempt loop: candidates in order, until one answers or none is left.

Before the first content every failure of a provider moves on by the table of `rules`, unseen by the client; after it
the stream is committed, and a failure ends it. What happens is written into the errand's trace, attempt by attempt, and
told to the health of the upstreams, which says whom to leave alone.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from types import coroutine
from typing import Any, Final, Protocol, TypeAlias, TypeVar

from msgspec import Struct, field, structs

from server.chat.continuation import can_be_continued, in_chat_form
from server.chat.deployment import Candidate
from server.chat.wire import Coming, Transport
from server.errors import DeadlineExceeded, PerpetuoError
from server.routing.attempt import Attempt
from server.routing.course import LEAST_TIME_S, Chance, Course, Draw, Step
from server.routing.dispatch.calling import Caller, DialectOf, Served, at_once
from server.routing.dispatch.continued import ContinuedStream, PrefillOf, Ways
from server.routing.dispatch.errand import Errand
from server.routing.dispatch.hedge import Runners, race
from server.routing.dispatch.live import LiveStream
from server.routing.dispatch.pace import Hedging
from server.routing.dispatch.run import Call, Run
from server.routing.dispatch.sending import Sending
from server.routing.failure import FailureClass, classify
from server.routing.filters import rejected_as_resting
from server.routing.health import Health
from server.routing.health.visit import Visit
from server.routing.nobody import nobody_awake
from server.routing.patience import Patience
from server.routing.plan import Rejected
from server.routing.rules import RULES, Bill, Notice
from server.routing.verdict import Failure, verdict
from server.routing.world import ModelOf
from server.upstream.pictures import Fetch

T = TypeVar("T", bound="Found")

Ask: TypeAlias = Callable[[Errand, Step, Attempt], Awaitable[T]]
"""Makes one call."""

Flag = Callable[[str, str], None]
"""Provider entry id and reason: the entry's own credential or account was refused."""

_MOST_STREAM_ONLY: Final = 1024
_log: Final = logging.getLogger(__name__)


def no_model(provider: str, model: str) -> None:
    """A catalogue that knows nothing."""
    return


def takes_none(candidate: Candidate) -> None:
    """Nobody goes on with a text."""
    return


class Surroundings(Struct, frozen=True):
    """What a dispatcher goes by beside the request.

    `model_of` is what is known of a provider's model, `prefill_of` how it is told to go on with a text. `health` says
    whom to leave alone, and hears what calls come to. `draw` gives a number from 0 to 1, for waits before the same is
    asked again. `hedging` says when a second candidate is asked beside one.
    `fetch` gets pictures by address for candidates that take only bytes; None where that is not wanted.
    """

    model_of: ModelOf = no_model
    prefill_of: PrefillOf = takes_none
    health: Health = field(default_factory=Health)
    draw: Draw = field(default_factory=lambda: random.Random().random)
    hedging: Hedging = field(default_factory=Hedging)
    fetch: Fetch | None = None


class Found(Protocol):
    """What a call comes to."""

    @property
    def attempt(self) -> Attempt:
        """The call."""


class Dispatcher:
    """Sends requests to upstreams."""

    def __init__(
        self,
        transport: Transport,
        dialect_of: DialectOf,
        patience: Patience,
        flag: Flag,
        surroundings: Surroundings | None = None,
    ) -> None:
        around = surroundings or Surroundings()
        self._flag = flag
        self._model_of = around.model_of
        self._prefill_of = around.prefill_of
        self._health = around.health
        self._hedging = around.hedging
        sending = Sending(transport, patience, around.prefill_of, around.fetch)
        self._caller = Caller(sending, dialect_of, self._broke)
        # Models of entries that have said that they answer only in streams.
        self._stream_only: set[tuple[str, str]] = set()
        self._chance = Chance(around.draw, self._window_of, around.health.may_repeat)

    @coroutine
    def complete(self, errand: Errand) -> Generator[Any, None, Served]:
        """The first answer that a candidate gives in one piece. Raises the verdict over all failures.

        It does what `_go` with `Caller.ask` does, without coroutines of its own while it waits for the usual answer: of
        each that waits another has to be woken first.
        """
        candidate, now, caller = errand.candidates[0], errand.trace.clock.monotonic, self._caller
        began_s, dialect_of = now(), caller.dialect_of
        course, resting = None, []
        if self._needs_course(errand, began_s):
            course = self._course(errand)
        elif (visit := self._health.enter(candidate, began_s, is_last=len(errand.candidates) == 1)) is None:
            resting = self._as_resting(candidate, began_s)
        else:
            step, attempt, coming = Step(candidate), errand.trace.begin(candidate, began_s), None
            try:
                dialect = dialect_of(candidate.deployment.provider, errand.request)
                coming, _ = sent = caller.sending.begin(errand, step, dialect, False, began_s)
                if coming is not None and coming.arm():
                    yield coming
                served = None if coming is None else at_once(dialect, coming, attempt)
                if served is None:
                    served = yield from caller.heard(errand, step, attempt, sent)
                visit.answered(now())
                self._hedging.saw(candidate, attempt.answered_s or 0.0, is_stream=errand.request.is_stream)
                return served
            except PerpetuoError as error:
                course = self._failed(self._course(errand, 1), Call(errand, step, attempt, visit), error)
            finally:
                if not visit.is_over:
                    _give_up(visit, coming)
        found: Served = yield from self._go_on(errand, course or self._course(errand, 1), resting, caller.ask)
        return found

    async def stream(self, errand: Errand) -> LiveStream | ContinuedStream:
        """A committed stream of the first candidate that has content. Raises the verdict over all failures."""
        if errand.mode != "continue" or not can_be_continued(errand.request):
            live: LiveStream = await self._go(errand, self._caller.open)
            return live
        if any(self._prefill_of(candidate) is not None for candidate in errand.candidates):
            errand = structs.replace(errand, request=in_chat_form(errand.request))
        live = await self._go(errand, self._caller.open)
        return ContinuedStream(live, errand, Ways(self._prefill_of, lambda again: self._go(again, self._caller.open)))

    async def _go(self, errand: Errand, call: Ask[T]) -> T:
        """Asks the first candidate; what only its failure needs is made when it fails."""
        candidate, now = errand.candidates[0], errand.trace.clock.monotonic
        began_s = now()
        if self._needs_course(errand, began_s):
            return await self._go_on(errand, self._course(errand), [], call)
        visit = self._health.enter(candidate, began_s, is_last=len(errand.candidates) == 1)
        step, course, resting = Step(candidate), None, []
        if visit is None:
            resting = self._as_resting(candidate, began_s)
        else:
            attempt = errand.trace.begin(candidate, began_s)
            try:
                found = await call(errand, step, attempt)
                visit.answered(now())
                self._hedging.saw(candidate, attempt.answered_s or 0.0, is_stream=errand.request.is_stream)
                return found
            except PerpetuoError as error:
                course = self._failed(self._course(errand, 1), Call(errand, step, attempt, visit), error)
            finally:
                if not visit.is_over:
                    visit.leave()
        return await self._go_on(errand, course or self._course(errand, 1), resting, call)

    def _needs_course(self, errand: Errand, began_s: float) -> bool:
        """Whether more than the first candidate has to be thought of before it is asked."""
        return bool(
            errand.hedges or self._stream_only or errand.max_calls < 1 or began_s + LEAST_TIME_S > errand.deadline
        )

    def _course(self, errand: Errand, passed: int = 0) -> Course:
        """The course from the candidate on that so many come before."""
        return Course(errand.candidates[passed:], errand.deadline, self._chance, errand.max_calls)

    async def _go_on(self, errand: Errand, course: Course, resting: list[Rejected], call: Ask[T]) -> T:
        """Follows the course to its end."""
        now = errand.trace.clock.monotonic
        while (step := course.next(now())) is not None:
            if step.wait_s > 0.0:
                await self._wait(errand, step.wait_s)
            run = Run(errand, course, resting)
            found = await (self._hedged(run, step, call) if errand.hedges else self._visit(run, step, call))
            if found is not None:
                return found
        raise _told(errand, course, resting)

    async def _visit(self, run: Run, step: Step, call: Ask[T]) -> T | None:
        """One call, if its candidate may be asked; None when it may not, or failed."""
        errand, candidate = run.errand, step.candidate
        if self._stream_only and _place(candidate) in self._stream_only:
            step = structs.replace(step, is_streamed=True)
        now = errand.trace.clock.monotonic
        visit = self._health.enter(candidate, now(), is_repeated=step.is_repeated, is_last=run.course.is_at_last)
        if visit is None:
            run.resting += self._as_resting(candidate, now())
            return None
        attempt = run.attempt = errand.trace.begin(candidate)
        try:
            found = await call(errand, step, attempt)
            visit.answered(now())
            self._hedging.saw(candidate, attempt.answered_s or 0.0, is_stream=errand.request.is_stream)
            return found
        except PerpetuoError as error:
            self._failed(run.course, Call(errand, step, attempt, visit), error)
            return None
        finally:
            if not visit.is_over:
                visit.leave()

    def _failed(self, course: Course, call: Call, error: PerpetuoError) -> Course:
        """Tells everybody whom it concerns that a call failed."""
        failure = self._note(call.errand, call.step, call.attempt, error)
        call.visit.failed(failure.kind, failure.error.retry_after_s, call.attempt.clock.monotonic())
        course.failed(call.step, failure)
        return course

    async def _hedged(self, run: Run, step: Step, call: Ask[T]) -> T | None:
        """The same with the next candidate beside it when it is slow; the first that has something wins."""
        errand, is_stream = run.errand, run.errand.request.is_stream
        errand.request.forget()
        runs = [run.apart()]

        def second() -> Coroutine[Any, Any, T | None] | None:
            if not self._hedging.take():
                return None
            other = run.course.next(errand.trace.clock.monotonic())
            if other is None:
                self._hedging.give_back()
                return None
            runs.append(run.apart())
            return self._visit(runs[1], other, call)

        after_s = self._hedging.after_s(step.candidate, is_stream=is_stream)
        found = await race(
            Runners(lambda: self._visit(runs[0], step, call), second, after_s, _drop, lambda: run.course.is_over)
        )
        winner = next((each for each in runs if found is not None and each.attempt is found.attempt), None)
        for each in runs:
            if each is not winner and each.attempt is not None and each.attempt.record is None:
                took_s = each.attempt.elapsed_ms() / 1000
                self._hedging.saw(each.attempt.candidate, took_s, is_stream=is_stream)
                each.lose(winner)
        if winner is not None:
            run.take_over(winner)
        return found

    def _as_resting(self, candidate: Candidate, now_s: float) -> list[Rejected]:
        """A candidate that was not asked, with the reason if it still holds."""
        resting = self._health.resting(candidate, now_s)
        return [] if resting is None else [rejected_as_resting(candidate, resting)]

    def _broke(self, attempt: Attempt, failure: PerpetuoError) -> None:
        """A stream failed after its first content."""
        if classify(failure) is FailureClass.BROKEN_STREAM:
            self._health.broke(attempt.candidate, attempt.clock.monotonic())

    async def _wait(self, errand: Errand, wait_s: float) -> None:
        clock = errand.trace.clock
        began = clock.exact()
        try:
            await asyncio.sleep(wait_s)
        finally:
            errand.trace.waited_s += clock.exact() - began

    def _window_of(self, candidate: Candidate) -> int:
        facts = self._model_of(candidate.deployment.provider, candidate.model)
        return 0 if facts is None else facts.context_window_tokens

    def _note(self, errand: Errand, step: Step, attempt: Attempt, error: PerpetuoError) -> Failure:
        """Writes a failure down, and tells whom it concerns."""
        error = _as_deadline(error, attempt, errand.deadline)
        kind = classify(error, is_stream=errand.request.is_stream or step.is_streamed)
        if kind is FailureClass.STREAM_ONLY:
            if len(self._stream_only) >= _MOST_STREAM_ONLY:
                self._stream_only.clear()
            self._stream_only.add(_place(step.candidate))
        rule = RULES[kind]
        attempt.fail(error, errand.prompt_usage() if rule.bill is Bill.PROMPT else None)
        entry_id = attempt.candidate.deployment.provider_id
        if rule.notice is Notice.FLAG:
            self._flag(entry_id, error.reason)
        elif rule.notice is Notice.EVENT:
            _log.warning("security event: %s of provider entry %s: %s", error.reason, entry_id, error.message)
        return Failure(attempt.candidate, kind, error)


async def _drop(found: Found) -> None:
    """Lets go of what came too late; what it is known to have taken is charged."""
    if isinstance(found, LiveStream):
        await found.close()
    elif isinstance(found, Served):
        found.attempt.usage = found.answer.facts.usage


def _give_up(visit: Visit, coming: Coming | None) -> None:
    """Nobody waits for a call any more."""
    visit.leave()
    if coming is not None:
        coming.drop()


def _place(candidate: Candidate) -> tuple[str, str]:
    return candidate.deployment.base_url, candidate.model


def _told(errand: Errand, course: Course, resting: Sequence[Rejected]) -> PerpetuoError:
    """What the caller is told when nobody has answered."""
    if not course.failures:
        if resting:
            return nobody_awake(resting)
        return DeadlineExceeded("The time for this request ran out before a provider could be asked.")
    told = verdict(course.failures)
    errand.trace.told = told.candidate
    return told.error


def _as_deadline(error: PerpetuoError, attempt: Attempt, deadline: float) -> PerpetuoError:
    """A provider's time-out that was the caller's own deadline is told as such."""
    if error.reason == "UPSTREAM_TIMEOUT" and deadline - attempt.clock.monotonic() < LEAST_TIME_S:
        return DeadlineExceeded("The time for this request ran out while a provider was being asked.")
    return error
