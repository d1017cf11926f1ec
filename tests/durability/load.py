"""Requests at a steady rate, each on a connection of its own, and what became of each as its client saw it.

The client is as bare as it can be, so that it costs little beside what is tested: it writes bytes and reads to the end.
"""

import asyncio
import itertools
import re
from collections import Counter
from dataclasses import dataclass, field
from enum import Enum

_REQUEST_ID = re.compile(rb"\r\nx-request-id: (req_\w+)\r\n", re.IGNORECASE)
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_DONE = b"data: [DONE]"
_LAST_CHUNK = b"0\r\n\r\n"
_LIMIT_S = 60.0


class Fate(Enum):
    """What a client saw of its request."""

    UNSENT = "not sent"
    NOTHING = "sent, and nothing came"
    PARTIAL = "some content came"
    COMPLETE = "all came"
    REFUSED = "an error came"


@dataclass(slots=True)
class Sent:
    """One request. `own_id` is the client's id of it, `request_id` the gateway's once it is known.

    It was made at `at_s`, by the clock of the event loop.
    """

    own_id: str
    is_stream: bool
    fate: Fate = Fate.UNSENT
    request_id: str = ""
    status: int = 0
    at_s: float = 0.0


@dataclass(slots=True)
class Load:
    """Sends `rate` requests a second to a port of loopback, `stream_share` of them streams, until it is stopped.

    While `at_once` are under way none is sent: where a busy machine serves fewer than that, they do not pile up.
    """

    port: int
    key: str
    rate: float
    stream_share: float = 0.7
    model: str = "mock/slow?ms=20&n=12"
    at_once: int = 1000
    sent: list[Sent] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _sender: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to send."""
        self._sender = asyncio.ensure_future(self._send_forever())

    async def stop(self) -> None:
        """Sends nothing more, and waits for what is under way."""
        if self._sender is not None:
            self._sender.cancel()
            await asyncio.wait([self._sender])
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def is_served(self) -> None:
        """Waits until a request is answered as a whole."""
        async with asyncio.timeout(_LIMIT_S):
            while not any(sent.fate is Fate.COMPLETE for sent in self.sent):
                await asyncio.sleep(0.01)

    def fates(self) -> Counter[Fate]:
        """How many met which fate."""
        return Counter(sent.fate for sent in self.sent)

    async def _send_forever(self) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number in itertools.count():
            await asyncio.sleep(max(0.0, began + number / self.rate - loop.time()))
            if len(self._tasks) >= self.at_once:
                continue
            is_stream = number * self.stream_share % 1 + self.stream_share >= 1
            sent = Sent(f"own-{len(self.sent)}", is_stream, at_s=loop.time())
            self.sent.append(sent)
            task = asyncio.ensure_future(self._ask(sent))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _ask(self, sent: Sent) -> None:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return
        data = bytearray()
        try:
            writer.write(self._request(sent))
            sent.fate = Fate.NOTHING
            async with asyncio.timeout(_LIMIT_S):
                while piece := await reader.read(65536):
                    data += piece
        except (OSError, TimeoutError):
            pass
        finally:
            writer.transport.abort()
        _note(sent, bytes(data))

    def _request(self, sent: Sent) -> bytes:
        stream = ',"stream":true' if sent.is_stream else ""
        # Each is another question, so that none is answered from another's answer.
        body = f'{{"model":"{self.model}","messages":[{{"role":"user","content":"{sent.own_id}"}}]{stream}}}'.encode()
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {self.key}\r\n"
            f"x-request-id: {sent.own_id}\r\nconnection: close\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


def _note(sent: Sent, data: bytes) -> None:
    """What came, as far as it came."""
    status = _STATUS.match(data)
    if status is None:
        return
    sent.status = int(status[1])
    found = _REQUEST_ID.search(data)
    sent.request_id = found[1].decode() if found else ""
    if sent.status != 200:
        sent.fate = Fate.REFUSED
        return
    _, _, body = data.partition(b"\r\n\r\n")
    if sent.is_stream:
        sent.fate = Fate.COMPLETE if _DONE in body and body.endswith(_LAST_CHUNK) else Fate.PARTIAL
    else:
        length = int(data.lower().partition(b"content-length:")[2].split()[0])
        sent.fate = Fate.COMPLETE if len(body) == length else Fate.PARTIAL
    if not body:
        sent.fate = Fate.NOTHING
