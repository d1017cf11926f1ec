"""What an answer needs of its connection and of who has sent its request: that these offer it."""

import asyncio

import pytest

from server.upstream.client import HttpTransport
from server.upstream.connection import Connection
from server.upstream.cork import Cork
from server.upstream.line import Line, Sender


async def test_a_connection_that_is_not_made_yet_takes_what_an_answer_asks_of_it() -> None:
    loop = asyncio.get_running_loop()
    line: Line = Connection(loop, Cork(), lambda _: None, lambda _: None)
    line.resume()
    line.abort()
    line.watch(loop.time() + 60)
    assert line.loop is loop


@pytest.mark.parametrize("name", [name for name in vars(Sender) if not name.startswith("_")])
def test_the_transport_can_send_again(name: str) -> None:
    assert callable(getattr(HttpTransport, name))
