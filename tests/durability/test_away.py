"""Completions go on without a database; the long form is `make faults-storage`."""

from pathlib import Path

from tests.durability.away import Outage, postgresql_away, sqlite_away
from tests.durability.load import Fate

RATE = 20.0
AWAY_S = 4.0


def judged(outage: Outage) -> None:
    fates = {sent.fate for sent in outage.asked}
    assert fates == {Fate.COMPLETE}, [(sent.own_id, sent.fate, sent.status) for sent in outage.asked][:20]
    assert len(outage.asked) > AWAY_S * RATE / 2
    assert outage.answers_s
    assert outage.others == []
    assert outage.verdict.is_good, str(outage.verdict)


async def test_postgresql_goes_away_and_comes_back(tmp_path: Path, postgres_url: str) -> None:
    judged(await postgresql_away(tmp_path, postgres_url, RATE, AWAY_S, answer_s=0.8))


async def test_a_sqlite_file_is_locked_and_comes_back(tmp_path: Path) -> None:
    judged(await sqlite_away(tmp_path, RATE, AWAY_S))
