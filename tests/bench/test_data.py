"""The benchmark of a store runs, on a small one, and measures what was written."""

from pathlib import Path

import pytest

from tests.bench.data import run


async def test_a_small_store_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    await run(f"sqlite:///{tmp_path}/perpetuo.db", 600, tmp_path)
    told = capsys.readouterr().out
    assert "600 operations" in told
    assert "overview, 30d" in told
    assert "rows/s" in told
