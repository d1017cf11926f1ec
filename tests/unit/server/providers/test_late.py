"""What is imported late: once, when it is first asked for, and never by asking whether it is there."""

import msgspec
import pytest

from server.chat.native import NativeRequest
from server.providers.dialect import Dialect
from server.providers.late import DialectMaker, LateDialect, LateNative, is_late, load
from server.providers.openai import OpenAiDialect
from server.providers.provider import Provider
from server.providers.registry import PROVIDERS

NATIVE = NativeRequest("embeddings", {"input": msgspec.Raw(b'"text"')})


class Counted:
    def __init__(self) -> None:
        self.times = 0

    def dialect(self) -> Dialect:
        self.times += 1
        return OpenAiDialect(own_name="late")

    def native(self) -> DialectMaker:
        self.times += 1
        return lambda _: OpenAiDialect(own_name="native")


def test_a_dialect_is_made_once_and_is_what_was_made() -> None:
    counted = Counted()
    late = LateDialect(counted.dialect)
    assert (is_late(late), counted.times) == (True, 0)
    assert late.name == OpenAiDialect(own_name="late").name
    assert late.error(401, {}, b"").reason == OpenAiDialect().error(401, {}, b"").reason
    assert (is_late(late), counted.times) == (False, 1)


def test_what_makes_dialects_is_loaded_once() -> None:
    counted = Counted()
    late = LateNative(counted.native)
    assert (is_late(late), counted.times) == (True, 0)
    assert late(NATIVE).name == late(NATIVE).name == OpenAiDialect(own_name="native").name
    assert (is_late(late), counted.times) == (False, 1)


@pytest.mark.parametrize(
    "late", [LateDialect(Counted().dialect), LateNative(Counted().native)], ids=["a dialect", "what makes dialects"]
)
def test_what_it_has_not_it_does_not_load_for(late: object) -> None:
    assert not hasattr(late, "nonsense")
    assert is_late(late)


def test_a_row_is_ready_when_all_that_is_late_is_there() -> None:
    counted = Counted()
    row = Provider("p", "P", LateDialect(counted.dialect), natives={"embeddings": LateNative(counted.native)})
    assert not row.is_ready
    load(row.dialect)
    assert not row.is_ready
    row.prepare()
    row.prepare()
    assert (row.is_ready, counted.times) == (True, 2)


@pytest.mark.parametrize("row", PROVIDERS.values(), ids=lambda row: row.name)
def test_every_row_can_be_made_ready(row: Provider) -> None:
    row.prepare()
    assert row.is_ready
    assert row.dialect.name
