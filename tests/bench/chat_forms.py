"""What each form of a chat request costs: run with `python -m tests.bench.chat_forms`, prints microseconds of CPU.

Compares ways to hold a request (untyped, typed view, verbatim members, protobuf Struct) and to refuse ambiguous ones,
and shows what a Struct loses. The best of several rounds is printed, so that other load on the machine disturbs little.
"""

import json
import time
from collections.abc import Callable, Mapping

import msgspec
from google.protobuf import json_format, struct_pb2

from server.chat.answer import (
    GatewayMetadata,
    Identity,
    finish_answer,
    finish_chunk,
    identify_chunk,
    peek_answer,
    peek_chunk,
)
from server.chat.estimate import estimate_tokens
from server.chat.request import parse_chat_request, upstream_body
from server.chat.scan import check_shape
from server.chat.view import ChatView

ROUNDS = 7
ROUND_S = 0.03

CHUNK = (
    b'{"id":"chatcmpl-AbCdEf0123456789","object":"chat.completion.chunk","created":1732000000,'
    b'"model":"gpt-4o-mini-2024-07-18","service_tier":"default","system_fingerprint":"fp_0123456789",'
    b'"choices":[{"index":0,"delta":{"content":" hello"},"logprobs":null,"finish_reason":null}],"usage":null}'
)
ANSWER = (
    b'{"id":"chatcmpl-AbCdEf0123456789","object":"chat.completion","created":1732000000,"model":"gpt-4o-mini",'
    b'"choices":[{"index":0,"message":{"role":"assistant","content":"' + b"It is sunny in Paris today. " * 32 + b'",'
    b'"refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":812,'
    b'"completion_tokens":224,"total_tokens":1036,"prompt_tokens_details":{"cached_tokens":768,"audio_tokens":0},'
    b'"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0}},"service_tier":"default"}'
)
METADATA = GatewayMetadata("gpt-4o-mini", "simple", 0.000012, 234, False, "openai", "req_1", "default", 1)


def sample_request(content_chars: int) -> bytes:
    """A request of 10 messages of that many characters each and 2 tools with schemas, written as OpenAI's SDKs do."""
    text = 'The user asked: "What is the weather in Paris, and {should} I bring a coat?"\n'
    content = (text * (content_chars // len(text) + 1))[:content_chars]
    roles = ("user", "assistant")
    messages = [{"role": "system", "content": "You are a helpful assistant."}]
    messages += [{"role": roles[at % 2], "content": content} for at in range(9)]
    properties = {
        "city": {"type": "string", "description": "Name of the city"},
        "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
        "days": {"type": "integer", "minimum": 1, "maximum": 10},
    }
    schema = {"type": "object", "properties": properties, "required": ["city"], "additionalProperties": False}
    tools = [
        {"type": "function", "function": {"name": name, "description": "Looks it up.", "parameters": schema}}
        for name in ("get_weather", "get_forecast")
    ]
    request = {"model": "gpt-4o", "messages": messages, "temperature": 1.0, "seed": 2**53 + 1, "tools": tools}
    request = {**request, "tool_choice": "auto", "stream": True}
    return json.dumps(request, separators=(",", ":"), ensure_ascii=False).encode()


def cpu_us(call: Callable[[], object]) -> float:
    """Microseconds of CPU for one call: the best of the rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        calls = 0
        begin = time.process_time()
        while (spent := time.process_time() - begin) < ROUND_S:
            for _ in range(10):
                call()
            calls += 10
        best = min(best, spent / calls)
    return best * 1e6


def measure_request(body: bytes) -> dict[str, float]:
    """Microseconds of CPU by form, for one request body."""
    untyped = msgspec.json.Decoder()
    typed = msgspec.json.Decoder(ChatView)
    members = msgspec.json.Decoder(dict[str, msgspec.Raw])
    request = parse_chat_request(body)
    spaced = json.dumps(json.loads(body)).encode()
    struct = json_format.Parse(body, struct_pb2.Struct())
    calls: Mapping[str, Callable[[], object]] = {
        "json.loads": lambda: json.loads(body),
        "json.loads, hook refuses duplicates": lambda: json.loads(body, object_pairs_hook=_refuse_duplicates),
        "msgspec, untyped": lambda: untyped.decode(body),
        "msgspec, typed view": lambda: typed.decode(body),
        "msgspec, top level to Raw": lambda: members.decode(body),
        "splice and encode": lambda: upstream_body(request, model="gpt-4o-mini", include_usage=True),
        "shape scan": lambda: check_shape(body),
        "shape scan, text with spaces": lambda: check_shape(spaced),
        "parse_chat_request (all of the above)": lambda: parse_chat_request(body),
        "estimate_tokens": lambda: estimate_tokens(request),
        "json_format into Struct": lambda: json_format.Parse(body, struct_pb2.Struct()),
        "json_format from Struct": lambda: json_format.MessageToJson(struct),
    }
    return {name: cpu_us(call) for name, call in calls.items()}


def measure_answer() -> dict[str, float]:
    """Microseconds of CPU for reading and finishing answers."""
    foreign = CHUNK.replace(b"chatcmpl-", b"")
    calls: Mapping[str, Callable[[], object]] = {
        "peek_chunk": lambda: peek_chunk(CHUNK),
        "finish_chunk": lambda: finish_chunk(CHUNK, identity=Identity("chatcmpl-1"), metadata=METADATA),
        "identify_chunk": lambda: identify_chunk(foreign, Identity("chatcmpl-1")),
        "peek_answer": lambda: peek_answer(ANSWER),
        "finish_answer": lambda: finish_answer(ANSWER, identity=Identity("chatcmpl-1"), metadata=METADATA),
    }
    return {name: cpu_us(call) for name, call in calls.items()}


def struct_losses() -> list[tuple[str, str, str]]:
    """Texts, what is left of them after protobuf's Struct, and after the splice: (sent, Struct, members)."""
    losses = []
    for sent in ('{"zeta":1,"alpha":2,"mid":3}', '{"temperature":1.0}', '{"seed":9007199254740993}'):
        struct = json_format.Parse(sent, struct_pb2.Struct())
        wire = struct_pb2.Struct.FromString(struct.SerializeToString())
        back = json_format.MessageToJson(wire, indent=None)
        members = msgspec.json.decode(sent, type=dict[str, msgspec.Raw])
        losses.append((sent, back, msgspec.json.encode(members).decode()))
    return losses


def _refuse_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate member")
    return members


def main() -> None:
    """Prints the tables."""
    small, large = sample_request(200), sample_request(6500)
    figures = [measure_request(small), measure_request(large)]
    print(f"{'request, us of CPU':40}{len(small):>9} B{len(large):>9} B")
    for name in figures[0]:
        print(f"{name:40}{figures[0][name]:>11.1f}{figures[1][name]:>11.1f}")
    print(f"\nanswer, us of CPU (chunk {len(CHUNK)} B, answer {len(ANSWER)} B)")
    for name, figure in measure_answer().items():
        print(f"{name:40}{figure:>11.2f}")
    print("\nsent, after Struct and the wire, after the splice")
    for losses in struct_losses():
        print(*losses, sep="   ")


if __name__ == "__main__":
    main()
