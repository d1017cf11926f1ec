"""Price lists as members see and admins replace them."""

from typing import Any

import pytest

from server.accounts.people import SignedUp
from server.accounts.price_lists import MAX_LINES, MAX_NANOUSD, NewLine, PriceLists
from server.accounts.service import Accounts
from server.chat.principal import Role
from server.errors import PermissionDenied, RequestInvalid, ResourceNotFound
from server.storage.database import Database
from server.storage.prices import NO_PRICES, PriceLine

LINE = NewLine("openai", " gpt-4o ", 2_500_000_000, 10_000_000_000, 1_250_000_000)


@pytest.fixture
def forgotten() -> list[str]:
    return []


@pytest.fixture
def prices(database: Database, forgotten: list[str]) -> PriceLists:
    return PriceLists(database, ("openai", "demo"), forgotten.append)


async def test_a_list_is_replaced_as_a_whole_under_a_new_number(
    prices: PriceLists, ana: SignedUp, forgotten: list[str]
) -> None:
    user_id, workspace_id = ana.user.id, ana.workspace.id
    assert await prices.of(user_id, workspace_id) == NO_PRICES
    every = NewLine("demo", "*", 0, 0)
    first = await prices.replace(user_id, workspace_id, [LINE, every])
    assert first.lines == (
        PriceLine("demo", "*", 0, 0),
        PriceLine("openai", "gpt-4o", 2_500_000_000, 10_000_000_000, 1_250_000_000),
    )
    assert (first.version, first.changed_by) == (1, user_id)
    assert await prices.of(user_id, workspace_id) == first
    second = await prices.replace(user_id, workspace_id, [])
    assert (second.version, second.lines) == (2, ())
    assert forgotten == [workspace_id] * 2


INVALID: list[tuple[str, list[dict[str, Any]], str]] = [
    ("an unknown provider", [{"provider": "nobody"}], "prices[0].provider"),
    ("no provider", [{}, {"provider": ""}], "prices[1].provider"),
    ("no model", [{"model": "  "}], "prices[0].model"),
    ("a model of two lines", [{"model": "a\nb"}], "prices[0].model"),
    ("a model without end", [{"model": "m" * 201}], "prices[0].model"),
    ("a model twice", [{}, {}], "prices[1].model"),
    ("a model twice but for white space", [{"model": "x"}, {"model": " x"}], "prices[1].model"),
    ("no price of the prompt", [{"input_nanousd": None}], "prices[0].input_per_1m"),
    ("no price of the answer", [{"output_nanousd": None}], "prices[0].output_per_1m"),
    ("a price below nothing", [{"input_nanousd": -1}], "prices[0].input_per_1m"),
    ("a price beyond reason", [{"output_nanousd": MAX_NANOUSD + 1}], "prices[0].output_per_1m"),
    ("a cache below nothing", [{"cache_read_nanousd": -1}], "prices[0].cached_input_per_1m"),
    ("a written cache below nothing", [{"cache_write_nanousd": -1}], "prices[0].cache_write_per_1m"),
    ("too many", [{"model": str(number)} for number in range(MAX_LINES + 1)], "prices"),
]


@pytest.mark.parametrize(("changes", "param"), [case[1:] for case in INVALID], ids=[case[0] for case in INVALID])
async def test_a_price_that_makes_no_sense_names_its_place_and_changes_nothing(
    prices: PriceLists, ana: SignedUp, changes: list[dict[str, Any]], param: str
) -> None:
    usual: dict[str, Any] = {"provider": "openai", "model": "gpt-4o", "input_nanousd": 1, "output_nanousd": 1}
    before = await prices.replace(ana.user.id, ana.workspace.id, [LINE])
    with pytest.raises(RequestInvalid) as caught:
        await prices.replace(ana.user.id, ana.workspace.id, [NewLine(**usual | change) for change in changes])
    assert caught.value.param == param
    assert await prices.of(ana.user.id, ana.workspace.id) == before


async def test_members_see_prices_and_admins_change_them(prices: PriceLists, accounts: Accounts, ana: SignedUp) -> None:
    for role in (Role.VIEWER, Role.MEMBER, Role.ADMIN):
        user = (await accounts.sign_up(f"{role.value}@example.com", "secure123")).user
        with pytest.raises(ResourceNotFound):
            await prices.of(user.id, ana.workspace.id)
        await accounts.members.add(ana.user.id, ana.workspace.id, user.email, role)
        assert (await prices.of(user.id, ana.workspace.id)).version == 0
        if role is not Role.ADMIN:
            with pytest.raises(PermissionDenied):
                await prices.replace(user.id, ana.workspace.id, [LINE])
        else:
            assert (await prices.replace(user.id, ana.workspace.id, [LINE])).changed_by == user.id
