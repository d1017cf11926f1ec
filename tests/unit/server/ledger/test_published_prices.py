"""Published prices: a name means the model that the package finds, and a moment the prices that hold then."""

from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from genai_prices.data import providers

from server.ledger.published_prices import (
    FILE,
    AllOf,
    AnyOf,
    Begins,
    Conditional,
    Contains,
    Daily,
    Document,
    Ends,
    Equals,
    Matches,
    Model,
    Provider,
    PublishedPrices,
    Rule,
    Since,
    Variant,
)

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rule", "is_meant", "is_not_meant"),
    [
        pytest.param(Equals("gpt-4"), "gpt-4", "gpt-4o", id="a name that is this"),
        pytest.param(Begins("gpt-4"), "gpt-4o", "my-gpt-4", id="a name that begins so"),
        pytest.param(Ends("-mini"), "gpt-mini", "mini-gpt", id="a name that ends so"),
        pytest.param(Contains("claude"), "us.claude-2", "clod", id="a name in which it stands"),
        pytest.param(Matches(r"^o\d$"), "o3", "o33", id="a name that an expression finds"),
        pytest.param(AnyOf((Equals("a"), Equals("b"))), "b", "c", id="one of several"),
        pytest.param(AllOf((Begins("a"), Ends("b"))), "ab", "ac", id="all of several"),
    ],
)
def test_a_rule_tells_names_apart(rule: Rule, is_meant: str, is_not_meant: str) -> None:
    assert rule.holds(is_meant)
    assert not rule.holds(is_not_meant)


@pytest.mark.parametrize(
    ("when", "moment", "is_active"),
    [
        (Since(date(2026, 6, 1)), datetime(2026, 6, 1, tzinfo=UTC), True),
        (Since(date(2026, 6, 1)), datetime(2026, 5, 31, 23, 59, tzinfo=UTC), False),
        (Since(date(2026, 6, 1)), datetime(2026, 6, 1, 1, tzinfo=timezone(timedelta(hours=2))), False),
        (Daily(time(9, tzinfo=UTC), time(17, tzinfo=UTC)), NOON, True),
        (Daily(time(9, tzinfo=UTC), time(12, tzinfo=UTC)), NOON, False),
        (Daily(time(12, tzinfo=UTC), time(9, tzinfo=UTC)), NOON, True),
        (Daily(time(17, tzinfo=UTC), time(9, tzinfo=UTC)), NOON, False),
        (Daily(time(17, tzinfo=UTC), time(9, tzinfo=UTC)), NOON.replace(hour=3), True),
    ],
    ids=["on the day", "before it", "before it in UTC", "within", "its end is out", "over midnight", "out", "at night"],
)
def test_a_price_holds_at_its_time(when: Since | Daily, moment: datetime, is_active: bool) -> None:
    assert when.active(moment) is is_active


def test_the_last_price_that_is_active_holds_and_else_the_first() -> None:
    soon, late = Since(date(2026, 7, 1)), Since(date(2026, 8, 1))
    prices = tuple(
        Conditional(when, {"input_mtok": Decimal(price)})
        for price, when in enumerate((soon, Since(date(2026, 1, 1)), late))
    )
    model = Model("m", Equals("m"), prices)
    assert model.prices_at(NOON, {}) == {"input_mtok": 1}
    assert model.prices_at(NOON.replace(year=2027), {}) == {"input_mtok": 2}
    assert model.prices_at(NOON.replace(year=2025), {}) == {"input_mtok": 0}


def test_of_variants_that_apply_the_first_counts_for_each_price() -> None:
    usual = (Conditional(None, {"input_mtok": Decimal(1), "output_mtok": Decimal(2)}),)
    variants = (
        Variant({"tier": "flex", "speed": "slow"}, None, {"input_mtok": Decimal(5)}),
        Variant({"tier": "flex"}, Since(date(2027, 1, 1)), {"input_mtok": Decimal(6)}),
        Variant({"tier": "flex"}, None, {"input_mtok": Decimal(7), "cache_read_mtok": Decimal(8)}),
        Variant({"tier": "flex"}, None, {"input_mtok": Decimal(9)}),
    )
    model = Model("m", Equals("m"), usual, variants)
    assert model.prices_at(NOON, {}) == usual[0].prices
    assert model.prices_at(NOON, {"tier": "flex"}) == {"input_mtok": 7, "output_mtok": 2, "cache_read_mtok": 8}
    assert model.prices_at(NOON, {"tier": "flex", "speed": "slow"})["input_mtok"] == 5
    assert usual[0].prices == {"input_mtok": 1, "output_mtok": 2}


def test_a_provider_without_a_model_has_those_of_the_ones_it_falls_back_to_in_one_step() -> None:
    prices = (Conditional(None, {}),)
    known = PublishedPrices(
        {
            "a": Provider(("nobody", "b"), (Model("own", Begins("own"), prices),)),
            "b": Provider(
                ("c",), (Model("other", Begins("o"), prices), Model("dated", Equals("x-2025-12-11"), prices))
            ),
            "c": Provider((), (Model("far", Begins("far"), prices),)),
        }
    )
    found = [known.model("a", name) for name in ("own-1", "Other", "x-20251211", "x-20251399", "far", "none")]
    assert [model.id if model else None for model in found] == ["own", "other", "dated", None, None, None]
    assert known.model("nobody", "own") is None


def variants_of(name: str) -> set[str]:
    return {
        name,
        name.upper(),
        f"us.{name}",
        f"{name}-20250101",
        f"{name}-latest",
        name[:-1],
        name.replace("-", "."),
        "x",
    }


def test_every_name_means_the_model_that_the_package_finds() -> None:
    known = PublishedPrices.load()
    compared = 0
    for provider in providers:
        for name in sorted({other for model in provider.models for other in variants_of(model.id)}):
            expected = provider.find_model(name, all_providers=providers)
            found = known.model(provider.id, name)
            assert (found and found.id) == (expected and expected.id), (provider.id, name)
            compared += 1
    for provider in (each for each in providers if each.fallback_model_providers):
        for name in sorted({model.id for other in providers for model in other.models}):
            expected = provider.find_model(name, all_providers=providers)
            found = known.model(provider.id, name)
            assert (found and found.id) == (expected and expected.id), (provider.id, name)
    assert compared > 10_000


def test_where_another_version_of_the_package_is_installed_that_one_counts(tmp_path: Path) -> None:
    document = msgspec.json.decode(FILE.read_bytes(), type=Document)
    file = tmp_path / "prices.json"
    file.write_bytes(msgspec.json.encode(Document("0.0.1", document.notice, {})))
    found = PublishedPrices.load(file).model("openai", "gpt-4o-mini")
    assert found is not None
    assert found == PublishedPrices.load().model("openai", "gpt-4o-mini")
