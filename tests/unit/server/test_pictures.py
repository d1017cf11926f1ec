"""Whether pictures are fetched is the operator's to say."""

from pathlib import Path

from server.pictures import open_pictures
from server.settings import ServerSettings


def settings(**members: object) -> ServerSettings:
    return ServerSettings.from_environment(**{"data_dir": Path("unused"), **members})


async def test_they_are_fetched_unless_the_operator_does_not_want_that() -> None:
    made = open_pictures(settings())
    assert made is not None
    assert made._schemes == ("https",)
    await made.close()
    near = open_pictures(settings(allow_private_upstreams=True))
    assert near is not None
    assert near._schemes == ("https", "http")
    await near.close()
    assert open_pictures(settings(fetch_pictures=False)) is None
