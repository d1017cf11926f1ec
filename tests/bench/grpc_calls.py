"""Chat completions through typed stubs, one after the other, for counting what the server's side of them takes."""

import json
from urllib.parse import urlsplit

import grpc
from perpetuo.v1 import chat_pb2, completions_pb2_grpc

from server.services.chat_json import json_to_message
from tests.bench import payload
from tests.bench.load import WrongAnswerError

_LIMIT_S = 120.0


def ask(url: str, key: str, body: bytes, times: int) -> None:
    """Makes calls over a connection of their own; a body with `"stream": true` is answered as it is written.

    `url` holds host and port. Raises WrongAnswerError for an answer that is not whole, RpcError for none.
    """
    request = json_to_message(body, chat_pb2.CreateChatCompletionRequest)
    metadata = (("authorization", f"Bearer {key}"),)
    with grpc.insecure_channel(urlsplit(url).netloc) as channel:
        stub = completions_pb2_grpc.CompletionsServiceStub(channel)
        for _ in range(times):
            if json.loads(body).get("stream"):
                message = chat_pb2.StreamChatCompletionRequest(request=request)
                found = sum(1 for _ in stub.StreamChatCompletion(message, metadata=metadata, timeout=_LIMIT_S))
                is_whole = found >= payload.EVENTS
            else:
                answer = stub.CreateChatCompletion(request, metadata=metadata, timeout=_LIMIT_S)
                is_whole = bool(answer.choices[0].message.content)
            if not is_whole:
                raise WrongAnswerError(f"{url} answered less than was sent")
