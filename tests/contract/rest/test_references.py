"""Both references over real HTTP, on SQLite; `make contract` plays them on PostgreSQL too, with the operator's part."""

from pathlib import Path

from tests.contract.rest.run import play


async def test_every_exchange_is_as_documented(tmp_path: Path) -> None:
    results = await play(tmp_path, with_plans=False)
    assert {result.name: result.problems for result in results if result.problems} == {}
    assert len(results) > 50
    assert sum(result.members for result in results) > 400
