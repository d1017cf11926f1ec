"""The table of failures: complete, and true to a few lines that must never change by accident."""

import pytest

from server.routing.failure import FailureClass
from server.routing.rules import RULES, Bill, Health, Notice, Then

F, H = FailureClass, Health


def test_every_class_has_its_row() -> None:
    assert set(RULES) == set(FailureClass)


BLAMES_THE_REQUEST: set[FailureClass] = {
    F.CONTENT,
    F.REQUEST,
    F.TOO_LONG,
    F.TOO_LARGE,
    F.UNFIT,
    F.USAGE_OPTION,
    F.STREAM_ONLY,
    F.OUT_OF_TIME,
    F.OURS,
}


@pytest.mark.parametrize("kind", [kind for kind in FailureClass if kind in BLAMES_THE_REQUEST])
def test_what_the_upstream_is_not_to_blame_for_does_not_count_against_it(kind: FailureClass) -> None:
    assert RULES[kind].health is Health.NEUTRAL
    assert RULES[kind].bill is Bill.NOTHING


def test_nothing_stops_but_the_request_the_caller_and_ourselves() -> None:
    stopping = {kind for kind, rule in RULES.items() if rule.then is Then.STOP}
    assert stopping == {F.CONTENT, F.REQUEST, F.OUT_OF_TIME, F.OURS, F.BROKEN_STREAM}


def test_a_provider_is_asked_again_only_where_that_can_help() -> None:
    again = {kind for kind, rule in RULES.items() if rule.then in
             (Then.SAME, Then.SAME_AT_ONCE, Then.WHEN_TOLD, Then.IF_ALONE, Then.PLAIN, Then.STREAMED)}  # fmt: skip
    assert again == {
        F.NAME_UNRESOLVED, F.NO_ANSWER, F.CUT, F.SERVER_ERROR, F.OVERLOADED, F.LIMITED, F.NOT_NOW, F.USAGE_OPTION,
        F.STREAM_ONLY,
    }  # fmt: skip


def test_failures_of_the_way_there_are_the_endpoints() -> None:
    of_endpoint = {kind for kind, rule in RULES.items() if rule.health in (H.ENDPOINT, H.AGAIN)}
    assert of_endpoint == {
        F.REFUSED, F.CONNECT_TIMEOUT, F.NAME_UNKNOWN, F.NAME_UNRESOLVED, F.TLS, F.NO_ANSWER,
    }  # fmt: skip


def test_who_is_told() -> None:
    told = {notice: {kind for kind, rule in RULES.items() if rule.notice is notice} for notice in Notice}
    assert told[Notice.FLAG] == {F.QUOTA, F.CREDENTIAL, F.FORBIDDEN}
    assert told[Notice.EVENT] == {F.BLOCKED, F.REDIRECT}
