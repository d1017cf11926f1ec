"""The catalogue against the vendors' SDKs and public price data."""

from fnmatch import fnmatchcase

import pytest

from tests.bench.plausible import LEFT_OUT, Check, checks, sdk_names

CHECKS = checks()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_the_catalogue_agrees_with_others(check: Check) -> None:
    assert check.count > 0, "nothing was compared"
    assert list(check.misses) == []


def test_most_of_the_catalogue_is_compared() -> None:
    counts = {check.name: check.count for check in CHECKS}
    assert counts["has a public price"] >= 120
    assert counts["context window as the price data say"] >= 100


@pytest.mark.parametrize(("provider", "pattern"), [case[:2] for case in LEFT_OUT])
def test_what_is_left_out_is_named_by_an_sdk(provider: str, pattern: str) -> None:
    assert any(fnmatchcase(name, pattern) for name in sdk_names()[provider])
