"""A gateway that is killed under load loses nothing that a client has; the long form is `make faults-storage`."""

from pathlib import Path

import pytest

from tests.durability.kills import Killing, kill_again_and_again
from tests.durability.load import Fate

SHORT = Killing(kills=2, rate=40, least_s=1.0, most_s=1.5)


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
async def test_the_books_hold_what_clients_have(tmp_path: Path, request: pytest.FixtureRequest, engine: str) -> None:
    url = request.getfixturevalue("postgres_url") if engine == "postgresql" else ""
    killed = await kill_again_and_again(tmp_path, url, SHORT)
    assert killed.verdict.is_good, str(killed.verdict)
    assert killed.fates[Fate.COMPLETE] > 20
    assert killed.verdict.interrupted > 0
