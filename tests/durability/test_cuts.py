"""A damaged spool costs what was damaged and nothing else; the long form is `make faults-storage`."""

from pathlib import Path

from tests.durability.cuts import CutSpools


async def test_what_was_whole_before_the_damage_is_in_the_database(tmp_path: Path) -> None:
    spools = CutSpools(tmp_path)
    await spools.prepare()
    for _ in range(15):
        await spools.cut()
        await spools.flip()
    assert spools.damage.is_good, str(spools.damage)
    assert spools.damage.survived > 600
