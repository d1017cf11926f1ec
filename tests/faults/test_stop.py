"""SIGTERM under load: nothing that was accepted is lost, and nobody waits for a word. `--rounds N` says how often."""

import itertools
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.rounds import Round, play_round

GRACE_S = 1.5
NOTICED_MS = 2000.0
PARTING_MS = 5000.0
"""What a busy machine may take where the figures say what it did take."""


def check(found: Round) -> None:
    """Nothing is lost, what outlasts the grace is told so, and every answer has its row."""
    lost = [asked for asked in found.asked if found.outcome(asked) == "lost"]
    assert lost == []
    assert found.counts["given up with an error"] == sum(asked.how.startswith("long") for asked in found.asked)
    assert found.counts["answered"] > 0
    assert found.rows["ok"] == found.counts["answered"]
    assert found.rows["DRAINING"] >= found.counts["given up with an error"]
    assert max(found.not_serving_ms, found.not_ready_ms) < NOTICED_MS
    assert found.exit_ms < GRACE_S * 1000 + PARTING_MS


@pytest.mark.timeout(1800)
async def test_a_gateway_that_is_told_to_stop_under_load_loses_nothing(
    tmp_path: Path, pytestconfig: pytest.Config, tell: Callable[[str], None]
) -> None:
    counts: Counter[str] = Counter()
    rounds: list[Round] = []
    for number in itertools.islice(itertools.count(), int(pytestconfig.getoption("--rounds"))):
        (directory := tmp_path / f"{number}").mkdir()
        rounds.append(found := await play_round(directory, GRACE_S))
        check(found)
        counts += found.counts
    tell(f"{len(rounds)} rounds, grace {GRACE_S} s: {sum(counts.values())} requests, {counts['lost']} lost")
    for outcome, count in sorted(counts.items()):
        tell(f"  {outcome:26} {count}")
    for name in ("not_serving_ms", "not_ready_ms", "late_ms", "exit_ms"):
        times = [getattr(each, name) for each in rounds]
        tell(f"  {name:26} median {sorted(times)[len(times) // 2]:.0f}, most {max(times):.0f}")
