"""Clients that ask for a completion and leave before it is there, through either face."""

import asyncio
import contextlib
import json
from typing import Any, Protocol
from urllib.parse import urlsplit

import grpc.aio
from perpetuo.v1 import chat_pb2, completions_pb2_grpc

from tests.faults.asking import MODEL, Question

_CONTENT = b'"content":"token'


class Leaver(Protocol):
    """A client that has asked."""

    async def hear(self) -> None:
        """Waits for the first content of a stream."""

    def leave(self) -> None:
        """Leaves at once, without a word."""

    async def gone(self) -> None:
        """Cleans up what is left on this side."""


class RestLeaver:
    """A client on a connection of its own. It leaves by closing it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def ask(cls, url: str, question: Question) -> "RestLeaver":
        """Asks the REST face."""
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        body: dict[str, Any] = {"model": question.model, "messages": [{"role": "user", "content": question.prompt}]}
        encoded = json.dumps(body | {"stream": question.is_stream}).encode()
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: {parts.netloc}\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {question.key}\r\nX-Request-Timeout: {question.timeout_s}\r\n"
            f"Content-Length: {len(encoded)}\r\n\r\n"
        )
        writer.write(head.encode() + encoded)
        return cls(reader, writer)

    async def hear(self) -> None:
        """See `Leaver`."""
        heard = b""
        while _CONTENT not in heard:
            data = await self._reader.read(65_536)
            assert data, heard
            heard += data

    def leave(self) -> None:
        """See `Leaver`."""
        self._writer.close()

    async def gone(self) -> None:
        """See `Leaver`."""
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


class GrpcLeaver:
    """A call on a channel that others use too. It leaves by cancelling it."""

    def __init__(self, call: Any) -> None:
        self._call = call

    @classmethod
    async def ask(cls, channel: grpc.aio.Channel, question: Question) -> "GrpcLeaver":
        """Asks the gRPC face."""
        content = chat_pb2.MessageContent(text=question.prompt)
        request = chat_pb2.CreateChatCompletionRequest(
            model=question.model or MODEL, messages=[chat_pb2.ChatMessage(role="user", content=content)]
        )
        stub: Any = completions_pb2_grpc.CompletionsServiceStub(channel)
        more: dict[str, Any] = {
            "metadata": (("authorization", f"Bearer {question.key}"),),
            "timeout": question.timeout_s,
        }
        if question.is_stream:
            return cls(stub.StreamChatCompletion(chat_pb2.StreamChatCompletionRequest(request=request), **more))
        return cls(stub.CreateChatCompletion(request, **more))

    async def hear(self) -> None:
        """See `Leaver`."""
        while not any(choice.delta.content for choice in (await self._call.read()).choices):
            pass

    def leave(self) -> None:
        """See `Leaver`."""
        self._call.cancel()

    async def gone(self) -> None:
        """See `Leaver`."""
        await self._call.code()
