"""Claims over Valkey: the first has the name, all can look, and nobody fails when it is away."""

import asyncio

from server.state.valkey_claims import ValkeyClaims
from tests.unit.server.state.valkeys import Valkey, opened, running_valkey


async def test_the_first_has_the_name_and_the_others_are_told() -> None:
    with running_valkey() as valkey:
        async with opened(valkey, prefix="c:") as one, opened(valkey, prefix="c:") as other:
            mine, theirs = ValkeyClaims(one), ValkeyClaims(other)
            assert await mine.claim("ä", "méin", 60) is None
            assert await theirs.claim("ä", "deins", 60) == "méin"
            assert await theirs.look("ä") == "méin"
            assert await theirs.look("b") is None
            mine.put("ä", "done", 60)
            assert await mine.look("ä") == await theirs.claim("ä", "x", 60) == "done"
            mine.drop("ä")
            assert await mine.look("ä") is None
            assert await theirs.claim("ä", "deins", 60) is None


async def test_of_many_at_once_one_has_it(valkey: Valkey) -> None:
    async with opened(valkey, prefix="m:") as one, opened(valkey, prefix="m:") as other:
        replicas = [ValkeyClaims(one), ValkeyClaims(other)]
        found = await asyncio.gather(*(replicas[number % 2].claim("a", str(number), 60) for number in range(50)))
    assert found.count(None) == 1
    assert {text for text in found if text is not None} == {str(found.index(None))}


async def test_a_claim_ends_by_itself(valkey: Valkey) -> None:
    async with opened(valkey, prefix="e:") as link:
        claims = ValkeyClaims(link)
        assert await claims.claim("a", "1", 0.01) is None
        async with asyncio.timeout(60):
            while await claims.claim("a", "2", 60) is not None:
                await asyncio.sleep(0.005)


async def test_while_the_server_is_away_everybody_has_what_they_claim() -> None:
    with running_valkey() as server:
        async with opened(server) as link:
            server.stop()
            claims = ValkeyClaims(link)
            assert await claims.claim("a", "1", 60) is None
            claims.put("a", "2", 60)
            claims.drop("a")
            assert await claims.look("a") is None
