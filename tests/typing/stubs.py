"""How typed stubs are used, for the type checker alone: nothing here is ever run.

`make types` checks it. What is right has to pass, with the types that `assert_type` names; what is wrong has to be
refused, because an ignore that is not needed is an error of its own.
"""

from collections.abc import AsyncIterator, Iterator
from typing import assert_type

import grpc
from perpetuo.v1 import chat_pb2, completions_pb2, completions_pb2_grpc, models_pb2_grpc


def request_of(text: str) -> chat_pb2.CreateChatCompletionRequest:
    """A request."""
    content = chat_pb2.MessageContent(text=text)
    message = chat_pb2.ChatMessage(role="user", content=content)
    return chat_pb2.CreateChatCompletionRequest(model="demo/echo", messages=[message], temperature=0.5, max_tokens=50)


def ask(channel: grpc.Channel) -> str:
    """A call that blocks."""
    stub = completions_pb2_grpc.CompletionsServiceStub(channel)
    answer = stub.CreateChatCompletion(request_of("hello"), timeout=30, metadata=(("authorization", "Bearer pk_demo"),))
    assert_type(answer, chat_pb2.CreateChatCompletionResponse)
    assert_type(answer.usage.total_tokens, int)
    return answer.choices[0].message.content.text


def stream(channel: grpc.Channel) -> Iterator[str]:
    """A stream that blocks."""
    stub = completions_pb2_grpc.CompletionsServiceStub(channel)
    for chunk in stub.StreamChatCompletion(chat_pb2.StreamChatCompletionRequest(request=request_of("hello"))):
        assert_type(chunk, chat_pb2.StreamChatCompletionResponse)
        yield chunk.choices[0].delta.content


async def ask_async(channel: grpc.aio.Channel) -> str:
    """A call that is awaited. The stub is the same class; which one it is follows from the channel."""
    stub = completions_pb2_grpc.CompletionsServiceStub(channel)
    call = stub.CreateChatCompletion(request_of("hello"), timeout=30)
    answer = await call
    assert_type(answer, chat_pb2.CreateChatCompletionResponse)
    assert_type(await call.code(), grpc.StatusCode)
    assert_type(answer.gateway_metadata.request_id, str)
    return answer.choices[0].message.content.text


async def stream_async(stub: "completions_pb2_grpc.CompletionsServiceAsyncStub") -> AsyncIterator[str]:
    """A stream that is awaited. The name of the asynchronous stub exists for the type checker only: quote it."""
    async for chunk in stub.StreamChatCompletion(chat_pb2.StreamChatCompletionRequest(request=request_of("hello"))):
        assert_type(chunk, chat_pb2.StreamChatCompletionResponse)
        yield chunk.choices[0].delta.content


def misused_messages() -> None:
    """What is wrong with a message."""
    chat_pb2.CreateChatCompletionRequest(modell="demo/echo")  # type: ignore[call-arg]
    chat_pb2.CreateChatCompletionRequest(temperature="hot")  # type: ignore[arg-type]
    chat_pb2.ChatMessage(role="user", content="hello")  # type: ignore[arg-type]
    request_of("hello").messages.append("hello")  # type: ignore[arg-type]
    request_of("hello").max_token = 5  # type: ignore[attr-defined]


def misused(channel: grpc.Channel) -> None:
    """What is wrong with a call that blocks."""
    stub = completions_pb2_grpc.CompletionsServiceStub(channel)
    stub.CreateChatCompletion(completions_pb2.CreateRawChatCompletionRequest())  # type: ignore[arg-type]
    stub.CreateChatCompletions(request_of("hello"))  # type: ignore[attr-defined]
    stub.CreateChatCompletion(request_of("hello"), timeout="30s")  # type: ignore[arg-type]
    text: int = stub.CreateChatCompletion(request_of("hello")).choices[0].message.content.text  # type: ignore[assignment]
    assert text


async def misused_async(channel: grpc.aio.Channel) -> None:
    """What is wrong with a call that is awaited."""
    stub = completions_pb2_grpc.CompletionsServiceStub(channel)
    stub.CreateChatCompletion(request_of("hello")).choices  # type: ignore[attr-defined]  # noqa: B018
    await stub.StreamChatCompletion(chat_pb2.StreamChatCompletionRequest())  # type: ignore[misc]
    for _ in stub.StreamChatCompletion(chat_pb2.StreamChatCompletionRequest()):  # type: ignore[attr-defined]
        pass
    models_pb2_grpc.ModelsServiceStub("127.0.0.1:50051")  # type: ignore[call-overload]
