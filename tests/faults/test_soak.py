"""A short soak of streams whose clients leave: nothing of them is left. `make soak-cancel` is the long one."""

from pathlib import Path

import pytest

from tests.faults.soak import AT_A_TIME, run


@pytest.mark.timeout(300)
async def test_nothing_is_left_of_streams_whose_clients_have_left(tmp_path: Path) -> None:
    first, last = await run(240, 80, tmp_path)
    assert last.held == 0
    assert last.files <= first.files + AT_A_TIME
