"""Calls of one request: their notes, and what is written down of one that lost."""

from server.chat.request import parse_chat_request
from server.routing.course import Chance, Course
from server.routing.dispatch.errand import Errand
from server.routing.dispatch.run import FASTER, Run
from tests.unit.server.routing.scripted import candidate, trace


def run() -> Run:
    request = parse_chat_request(b'{"messages":[{"role":"user","content":"hi"}]}')
    errand = Errand(request, [candidate("a")], 1.0, trace(), prompt_tokens=9)
    chance = Chance(lambda: 0.0, lambda _: 0, lambda *_: True)
    return Run(errand, Course(errand.candidates, 1.0, chance), [])


async def test_notes_of_a_call_are_its_own_until_it_wins() -> None:
    both = run()
    both.errand.request.notes.append("said before")
    one, other = both.apart(), both.apart()
    one.errand.request.tell("for one")
    other.errand.request.tell("for the other")
    assert both.errand.request.notes == ["said before"]
    both.take_over(other)
    assert both.errand.request.notes == ["said before", "for the other"]


async def test_a_call_that_lost_shows_what_it_may_have_cost_and_charges_nothing() -> None:
    both = run()
    loser, winner = both.apart(), both.apart()
    loser.attempt = both.errand.trace.begin(candidate("a"))
    winner.attempt = both.errand.trace.begin(candidate("b"))
    loser.lose(winner)
    record = loser.attempt.record
    assert record is not None
    assert (record.outcome, record.detail) == ("CLIENT_GONE", FASTER)
    assert record.usage is not None
    assert (record.usage.input_tokens, record.usage.is_estimated, record.cost_nanousd) == (9, True, 9)
    assert both.errand.trace.cost_nanousd() is None
    assert loser.attempt.answered_s == winner.attempt.began - loser.attempt.began


async def test_one_that_has_ended_and_one_that_never_began_stay_as_they_are() -> None:
    both = run()
    ended = both.apart()
    ended.attempt = both.errand.trace.begin(candidate("a"))
    ended.attempt.end()
    ended.lose(None)
    both.apart().lose(None)
    assert ended.attempt.record is not None
    assert ended.attempt.record.outcome == "ok"
