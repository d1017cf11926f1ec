"""An operation: what the client is told of it, and the record that it leaves."""

import asyncio
import gc

import pytest
from msgspec import structs

from server import errors
from server.chat.deployment import Candidate, Deployment
from server.chat.principal import Call, Plan, Principal
from server.chat.usage import Usage
from server.errors import PerpetuoError
from server.routing.ask import UNREAD
from server.routing.attempt import Trace
from server.routing.complexity import Complexity
from server.routing.operation import Operation
from tests.unit.server.routing.scripted import candidate, means


def operation(*, is_stream: bool = False) -> Operation:
    now = asyncio.get_running_loop().time()
    call = Call("req_1", Principal("usr_1", "ws_1", Plan.FREE, "key_1"), now - 0.5, now + 10, "rest", "mine")
    made = Operation(call, means(), is_stream)
    made.content_policy, made.model_requested = "metadata", "asked"
    made.ask = structs.replace(UNREAD, complexity=Complexity.EXPERT)
    return made


async def test_the_metadata_say_how_the_answer_was_got() -> None:
    running = operation()
    running.served = candidate("a", "m-1")
    running.notes.append("seed is not sent")
    running.begin(running.served).usage = Usage(input_tokens=7)
    metadata = running.metadata()
    assert (metadata.routed_to, metadata.provider, metadata.complexity) == ("m-1", "openai", "expert")
    assert (metadata.cost_usd, metadata.attempts, metadata.cache_hit) == (7e-9, 1, False)
    assert metadata.latency_ms >= 500
    assert metadata.notes == ["seed is not sent"]


TIMES: list[tuple[str, float, bool, float]] = [
    ("the workspace says less", 2.0, False, 2.0),
    ("the workspace says more than the gateway lets it", 60.0, False, 10.5),
    ("the caller has said when", 2.0, True, 10.5),
]


@pytest.mark.parametrize(("policy_s", "is_timed", "allowed_s"), [case[1:] for case in TIMES], ids=[c[0] for c in TIMES])
async def test_the_workspaces_time_holds_for_callers_who_say_none(
    policy_s: float, is_timed: bool, allowed_s: float
) -> None:
    running = operation()
    running.call = structs.replace(running.call, is_timed=is_timed)
    running.end_within(policy_s)
    assert running.call.deadline - running.call.received_at == pytest.approx(allowed_s)


async def test_the_record_of_what_was_served() -> None:
    running = operation(is_stream=True)
    running.served = candidate("a", "m-1")
    running.begin(running.served).end()
    record = running.record()
    assert (record.provider, record.provider_id, record.model) == ("openai", "a", "m-1")
    assert (record.status, record.outcome, record.is_stream, record.surface) == (200, "ok", True, "rest")
    assert record.model_requested == "asked"
    assert record.latency_ms >= 500


async def test_the_record_of_what_was_never_served_names_nobody() -> None:
    running = operation()
    running.fail(errors.RequestInvalid("x"))
    record = running.record()
    assert (record.provider, record.model, record.attempts) == ("", "", ())
    assert (record.status, record.outcome) == (400, "REQUEST_INVALID")


async def test_the_headers_name_who_answered_or_whose_failure_is_told() -> None:
    running = operation()
    assert running.headers() == ()
    first, second = candidate("a"), candidate("b")
    running.begin(first)
    running.begin(second)
    assert running.headers() == (("x-perpetuo-attempts", "2"), ("x-perpetuo-provider", "openai"))
    running.told = Candidate(Deployment("c", "ws_1", "groq", "https://c.example", "sk-c"), "m")
    assert running.headers()[1] == ("x-perpetuo-provider", "groq")
    running.served = second
    assert running.headers()[1] == ("x-perpetuo-provider", "openai")


async def test_what_is_only_supposed_of_an_attempt_in_vain_is_not_charged() -> None:
    running = operation()
    running.begin(candidate("a")).fail(errors.UpstreamTimeout("late"), Usage(input_tokens=50, is_estimated=True))
    assert running.cost_nanousd() is None
    running.begin(candidate("b")).usage = Usage(input_tokens=7)
    assert running.cost_nanousd() == 7
    assert [attempt.cost_nanousd for attempt in running.record().attempts] == [50, 7]


@pytest.mark.parametrize(
    ("is_committed", "error", "status"),
    [
        (False, errors.UpstreamUnavailable("x"), 503),
        (True, errors.UpstreamStreamInterrupted("x"), 200),
        (False, errors.ClientGone("x"), 499),
        (True, errors.ClientGone("x"), 200),
    ],
)
async def test_what_fails_after_the_first_content_keeps_its_status(
    is_committed: bool, error: PerpetuoError, status: int
) -> None:
    running = operation(is_stream=True)
    running.is_committed = is_committed
    running.fail(error)
    assert (running.status, running.outcome) == (status, error.reason)


async def test_an_answer_made_for_another_request_costs_nothing_and_tells_what_it_saved() -> None:
    running = operation()
    running.is_cache_hit, running.served, running.usage = True, candidate("a", "m-1"), Usage(5, output_tokens=6)
    record = running.record()
    assert (record.cost_nanousd, record.saved_nanousd, record.usage) == (0, 11, Usage(5, output_tokens=6))


async def test_an_answer_of_ones_own_saves_nothing() -> None:
    running = operation()
    running.served, running.usage = candidate("a", "m-1"), Usage(5)
    running.begin(running.served).usage = Usage(5)
    assert (running.record().cost_nanousd, running.record().saved_nanousd) == (5, None)


async def test_a_failed_call_before_an_answer_of_another_request_costs_nothing_either() -> None:
    running = operation()
    running.begin(candidate("a")).fail(errors.UpstreamTimeout("x"))
    running.is_cache_hit, running.served, running.usage = True, candidate("b"), Usage(3)
    assert (running.record().cost_nanousd, running.record().saved_nanousd) == (0, 3)


async def test_a_caller_who_left_before_its_answer_pays_for_it_under_the_name_of_who_gave_it() -> None:
    running = operation()
    running.begin(candidate("a", "m-1")).usage = Usage(7)
    running.fail(errors.ClientGone("x"))
    record = running.record()
    assert (record.provider_id, record.model, record.usage, record.cost_nanousd) == ("a", "m-1", Usage(7), 7)
    assert record.outcome == "CLIENT_GONE"


async def test_where_nothing_of_a_request_is_recorded_its_beginning_is_not_either() -> None:
    running = operation()
    running.begin(candidate("a"))
    assert (running.start().client_request_id, running.start().complexity) == ("mine", "expert")
    running.content_policy = "off"
    assert (running.start().client_request_id, running.start().model_requested) == (None, "")


async def test_what_the_client_is_told_of_an_answer_is_what_is_recorded_of_it() -> None:
    running = operation()
    running.served = candidate("a", "m-1")
    attempt = running.begin(running.served)
    attempt.usage = Usage(7)
    attempt.end()
    record = running.record()
    told = running.metadata()
    assert (told.cost_usd, told.latency_ms) == (7e-9, record.latency_ms)
    assert (record.cost_nanousd, record.attempts) == (7, (attempt.record,))


async def test_what_fails_once_it_was_recorded_is_recorded_anew() -> None:
    running = operation()
    running.begin(candidate("a")).end()
    assert running.record().outcome == "ok"
    running.call = structs.replace(running.call, received_at=running.call.received_at - 60)
    running.begin(candidate("b"))
    running.fail(errors.DeadlineExceeded("x"))
    record = running.record()
    assert [attempt.outcome for attempt in record.attempts] == ["ok", "DEADLINE_EXCEEDED"]
    assert record.latency_ms >= 60_000


def test_its_members_are_few_and_plain_enough_to_be_fast() -> None:
    classes = Operation, Trace
    defaults = {name: getattr(each, name) for each in classes for name in each.__annotations__}
    assert {type(value).__module__ for value in defaults.values()} == {"builtins"}


async def test_its_members_stay_in_place_whoever_came_first() -> None:
    for _ in range(40):
        operation().fail(errors.RequestInvalid("x"))
    running = operation()
    for name in (*Trace.__annotations__, *Operation.__annotations__):
        setattr(running, name, getattr(running, name))
    assert [each for each in gc.get_referents(running) if type(each) is dict] == []
