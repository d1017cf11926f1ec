"""Random chat completion requests as text, and a reader that knows nothing of how the gateway reads them."""

import json
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass

NUMBERS = (
    "9007199254740993",
    "1.0",
    "1e400",
    "-0",
    "-0.0",
    "1E+2",
    "0.10",
    "123456789012345678901234567890",
    "1e-7",
    "0",
)
ODD_TEXTS = ("", "a:b", 'say "hi"', "back\\slash", "{[", "]}", "tab\t", "néé", "日本", "👍", "\\u003a", "\x7f", "/")
UNKNOWN_NAMES = ("zeta", "alpha", "Mid", "x-y", "with space", "näme", "a.b", "", "0", "reasoning")
SPACES = ("", "", "", " ", "\n", "\t ", "  ")


@dataclass(frozen=True, slots=True)
class Number:
    """A number with its spelling."""

    spelling: str


class Bodies:
    """Makes requests that are valid and odd, always the same ones for a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def request(self) -> bytes:
        """The text of one request."""
        members: dict[str, object] = {"messages": [self._message() for _ in range(self._random.randint(1, 4))]}
        optional: dict[str, object] = {
            "model": self._random.choice(["auto", "gpt-4o", "meta-llama/Llama-3", "ft:gpt-4o:org::id", None]),
            "temperature": Number(self._random.choice(["1.0", "1", "0.70", "2e0"])),
            "seed": Number("9007199254740993"),
            "tools": [self._tool()],
            "metadata": {"b": "2", "a": "1"},
            "logit_bias": {"50256": Number("-100"), "7": Number("1.50")},
            "stop": self._random.choice(["x", ["b", "a"], None]),
            "stream": False,
            "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": self._schema(3)}},
            "gateway": {"strict": True, "tags": {"team": "x"}},
        }
        members |= {name: value for name, value in optional.items() if self._random.random() < 0.5}
        return self._text(self._shuffled(members | self._unknown())).encode()

    def _message(self) -> dict[str, object]:
        role = self._random.choice(["system", "user", "assistant", "tool", "developer"])
        message: dict[str, object] = {"role": role, "content": self._string()}
        if role == "tool":
            message["tool_call_id"] = "call_1"
        if role == "user" and self._random.random() < 0.5:
            parts: list[dict[str, object]] = [
                {"type": "text", "text": self._string()},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}},
                {"type": "video_url", "video_url": {"url": "https://example.com/v", "fps": Number("1.0")}},
            ]
            message["content"] = [self._shuffled(part | self._unknown()) for part in parts]
        if role == "assistant" and self._random.random() < 0.5:
            function = self._shuffled({"name": "f", "arguments": '{"z": 1.0, "a": 9007199254740993}'} | self._unknown())
            message["content"] = None
            message["tool_calls"] = [self._shuffled({"id": "call_1", "type": "function", "function": function})]
        return self._shuffled(message | self._unknown())

    def _tool(self) -> dict[str, object]:
        function = {"name": "f", "description": self._string(), "parameters": self._schema(20)}
        return self._shuffled({"type": "function", "function": self._shuffled(function)} | self._unknown())

    def _schema(self, depth: int) -> dict[str, object]:
        schema: dict[str, object] = {"type": "integer", "maximum": Number("9007199254740993"), "minimum": Number("1.0")}
        for level in range(self._random.randint(1, depth)):
            properties = self._shuffled({"zeta": schema, "alpha": {"type": "string"}, f"p{level}": {"enum": [None]}})
            schema = {"type": "object", "properties": properties, "required": ["zeta", "alpha"]}
        return schema

    def _unknown(self) -> dict[str, object]:
        names = self._random.sample(UNKNOWN_NAMES, self._random.randint(0, 3))
        return {name: self._value(3) for name in names}

    def _value(self, depth: int) -> object:
        kind = self._random.randint(0, 5 if depth else 3)
        if kind == 0:
            return Number(self._random.choice(NUMBERS))
        if kind == 1:
            return self._random.choice([True, False, None])
        if kind in (2, 3):
            return self._string()
        if kind == 4:
            return [self._value(depth - 1) for _ in range(self._random.randint(0, 3))]
        return self._unknown()

    def _string(self) -> str:
        return "".join(self._random.choices(ODD_TEXTS, k=self._random.randint(0, 4)))

    def _shuffled(self, members: Mapping[str, object]) -> dict[str, object]:
        items = list(members.items())
        self._random.shuffle(items)
        return dict(items)

    def _text(self, value: object) -> str:
        if isinstance(value, Number):
            return value.spelling
        if isinstance(value, str):
            return self._quoted(value)
        if isinstance(value, dict):
            members = (
                f"{self._space()}{self._quoted(name)}{self._space()}:{self._space()}{self._text(item)}"
                for name, item in value.items()
            )
            return "{" + ",".join(members) + self._space() + "}"
        if isinstance(value, list):
            return "[" + ",".join(self._space() + self._text(item) + self._space() for item in value) + "]"
        return json.dumps(value)

    def _quoted(self, text: str) -> str:
        quoted = json.dumps(text, ensure_ascii=self._random.random() < 0.5)
        if self._random.random() < 0.2:
            quoted = re.sub(r"(?<![\\\w])[a-m:]", lambda found: f"\\u{ord(found[0]):04x}", quoted)
        return quoted

    def _space(self) -> str:
        return self._random.choice(SPACES)


def split_members(body: bytes) -> list[tuple[str, str]]:
    """The top-level members of an object in their order, each value verbatim, repeated ones included."""
    text = body.decode()
    decoder = json.JSONDecoder(parse_int=str, parse_float=str)
    members = []
    at = _skip(text, text.index("{") + 1)
    while text[at] != "}":
        name, at = decoder.raw_decode(text, at)
        begin = _skip(text, text.index(":", at) + 1)
        _, at = decoder.raw_decode(text, begin)
        members.append((name, text[begin:at]))
        at = _skip(text, at)
        at = _skip(text, at + 1) if text[at] == "," else at
    return members


def _skip(text: str, at: int) -> int:
    while text[at] in " \t\r\n":
        at += 1
    return at
