"""One connection to Valkey or Redis: many commands in one piece, their replies together, no task and no stream between.

redis-py tells where the server is and who we are there (and keeps connections of its own for what it is asked itself);
commands are made and replies read by hiredis. Nothing is sent before everything that was sent is answered.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from redis.asyncio import Redis

Command = tuple[Any, ...]
"""Its words: texts, bytes or numbers."""

Done = Callable[[list[Any] | Exception], None]
"""Takes the replies, those that are errors as exceptions; or why there are none."""

_MORE: Final = object()
_NAME: Final = "perpetuo"


class Wire(asyncio.Protocol):
    """A connection. `when_lost` is told when it ends while nothing is asked, unless `close` did that."""

    def __init__(self) -> None:
        self.when_lost: Callable[[Exception], None] | None = None
        import hiredis  # not before it is needed: it comes with an extra

        self._reader = hiredis.Reader(notEnoughData=_MORE)
        self._pack: Callable[[Any], bytes] = hiredis.pack_command
        self._misunderstood = hiredis.ProtocolError
        self._transport: asyncio.Transport | None = None
        self._done: Done | None = None
        self._count = 0
        self._replies: list[Any] = []

    def send(self, commands: Sequence[Command], done: Done) -> None:
        """Sends at least one command; `done` is told once, later."""
        assert self._transport is not None
        assert self._done is None
        self._done, self._count = done, len(commands)
        self._transport.write(b"".join(map(self._pack, commands)))

    async def asked(self, commands: Sequence[Command]) -> list[Any]:
        """The replies of commands. Raises OSError when the connection breaks, and the first error of the server."""
        answer: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()

        def done(replies: list[Any] | Exception) -> None:
            failures = [replies] if isinstance(replies, Exception) else filter(_is_error, replies)
            failure = next(iter(failures), None)
            if answer.done():
                return
            if failure is not None:
                answer.set_exception(failure)
            elif isinstance(replies, list):
                answer.set_result(replies)

        self.send(commands, done)
        return await answer

    def lose(self, error: Exception) -> None:
        """Ends the connection and fails what is asked."""
        self.close()
        done, self._done = self._done, None
        if done is not None:
            done(error)

    def close(self) -> None:
        """Ends the connection and tells nobody. Safe to call twice."""
        self.when_lost = None
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)  # those of uvloop are no subclass

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        reader, replies = self._reader, self._replies
        reader.feed(data)
        try:
            while (reply := reader.gets()) is not _MORE:
                replies.append(reply)
        except self._misunderstood as error:
            self.lose(OSError(f"not what a server of this kind says: {error}"))
            return
        if self._done is not None and len(replies) >= self._count:
            done, self._done, self._replies = self._done, None, []
            done(replies)

    def connection_lost(self, error: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        failure = error or ConnectionResetError("the server ended the connection")
        done, self._done = self._done, None
        when_lost, self.when_lost = self.when_lost, None
        if done is not None:
            done(failure)
        elif when_lost is not None:
            when_lost(failure)


async def open_wire(client: "Redis", first: Sequence[Command] = ()) -> tuple[Wire, list[Any]]:
    """Connects to the server of a client, as its user and in its database; gives the replies of the first commands.

    Raises OSError and what the server says.
    """
    pool: Any = client.connection_pool
    address = pool.connection_kwargs
    loop = asyncio.get_running_loop()
    if "path" in address:
        _, wire = await loop.create_unix_connection(Wire, address["path"])
    else:
        # A context of its own is what its connections have only if they are encrypted.
        context = getattr(pool.connection_class(**address), "ssl_context", None)
        secured = None if context is None else context.get()
        place = address.get("host", "localhost"), address.get("port", 6379)
        _, wire = await loop.create_connection(Wire, *place, ssl=secured)
    greeting = _greeting(address)
    try:
        replies = await wire.asked([*greeting, *first])
    except BaseException:
        wire.close()
        raise
    return wire, replies[len(greeting) :]


def _greeting(address: dict[str, Any]) -> list[Command]:
    greeting: list[Command] = []
    if address.get("username") or address.get("password"):
        user = (address["username"],) if address.get("username") else ()
        greeting.append(("AUTH", *user, address.get("password") or ""))
    if address.get("db"):
        greeting.append(("SELECT", address["db"]))
    return [*greeting, ("CLIENT", "SETNAME", _NAME)]


def _is_error(reply: object) -> bool:
    return isinstance(reply, Exception)
