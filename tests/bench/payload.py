"""What is sent and what the mock upstream answers: a conversation of about 1 KB and an answer of about 1.2 KB.

The sizes are those of a short chat with the members that OpenAI's own API answers today.
"""

import json

MODEL = "bench-model"
# Events of one streamed answer, the closing `[DONE]` not counted.
EVENTS = 50

_ID = "chatcmpl-bench0123456789abcdefghij"
_CREATED = 1760000000
# Makes a body of about 60 KB.
_LARGE_SENTENCES = 600
_SENTENCE = "The quick brown fox jumps over the lazy dog while the gateway counts every token that it passes on. "


def request(*, stream: bool = False, temperature: float = 0.7, sentences: int = 4) -> bytes:
    """The JSON of a chat completion request; with the four sentences, about 950 bytes."""
    body: dict[str, object] = {
        "model": MODEL,
        "messages": [
            {"role": "system", "content": _SENTENCE * 3},
            {"role": "user", "content": _SENTENCE * sentences},
        ],
        "temperature": temperature,
        "max_tokens": 256,
    }
    if stream:
        body["stream"] = True
    return json.dumps(body).encode()


def messages_request(*, stream: bool = False) -> bytes:
    """The same request in the form of the Messages API."""
    body: dict[str, object] = {
        "model": MODEL,
        "system": _SENTENCE * 3,
        "messages": [{"role": "user", "content": _SENTENCE * 4}],
        "temperature": 0.7,
        "max_tokens": 256,
    }
    if stream:
        body["stream"] = True
    return json.dumps(body).encode()


def bodies() -> dict[str, bytes]:
    """Every body that is sent, by the name that scenarios know it by."""
    return {
        "unary": request(),
        "stream": request(stream=True),
        "large": request(sentences=_LARGE_SENTENCES),
        "repeated": request(temperature=0),
        "messages": messages_request(),
        "messages_stream": messages_request(stream=True),
    }


def answer() -> bytes:
    """The JSON of a whole answer, about 1,250 bytes."""
    message: dict[str, object] = {"role": "assistant", "content": _SENTENCE * 7, "refusal": None, "annotations": []}
    return json.dumps(
        {
            "id": _ID,
            "object": "chat.completion",
            "created": _CREATED,
            "model": MODEL,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 143, "completion_tokens": 140, "total_tokens": 283},
            "service_tier": "default",
            "system_fingerprint": "fp_bench",
        }
    ).encode()


def events() -> list[bytes]:
    """The server-sent events of a streamed answer, in order; the last one is `[DONE]`."""
    deltas: list[tuple[dict[str, str], str | None]] = [({"role": "assistant", "content": ""}, None)]
    deltas += [({"content": f" token{index:03d}"}, None) for index in range(EVENTS - 2)]
    deltas += [({}, "stop")]
    return [*(_event(delta, finish) for delta, finish in deltas), b"data: [DONE]\n\n"]


def _event(delta: dict[str, str], finish: str | None) -> bytes:
    chunk = {
        "id": _ID,
        "object": "chat.completion.chunk",
        "created": _CREATED,
        "model": MODEL,
        "system_fingerprint": "fp_bench",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
    }
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"
