"""What arrives at the upstream is what was sent, but for the model's name: key order and number spelling included."""

import asyncio
import json
import random
from typing import Any

import httpx2

from cli.mock.upstream import MockUpstream
from tests.e2e.gateway import Account, Gateway

BODIES = 1000
PARALLEL = 16
NUMBERS = ("0", "1", "1.0", "-0.0", "1e3", "1E+2", "9007199254740993", "-12345678901234567890", "0.1000", "3.14e-10")
STRINGS = (
    "",
    "plain",
    "naïve",
    "日本語",
    "😀",
    "\\u00e9",
    "\\ud83d\\ude00",
    'say \\"hi\\"',
    "back\\\\slash",
    "\\/",
    "a:b",
    "{[,]}",
)


def text(chance: random.Random) -> str:
    return f'"{chance.choice(STRINGS)}{chance.randrange(1000)}"'


def value(chance: random.Random, depth: int = 0) -> str:
    """JSON text of anything, with odd spellings and spaces."""
    kind = chance.randrange(7 if depth < 6 else 4)
    if kind == 0:
        return chance.choice(NUMBERS)
    if kind == 1:
        return text(chance)
    if kind == 2:
        return chance.choice(("true", "false", "null"))
    if kind == 3:
        return chance.choice(("{}", "[]", "{ }", "[ ]"))
    if kind == 4:
        return "[" + ", ".join(value(chance, depth + 1) for _ in range(chance.randrange(4))) + "]"
    return members(
        chance, [(f"x_{chance.randrange(10**9)}", value(chance, depth + 1)) for _ in range(chance.randrange(4))]
    )


def members(chance: random.Random, pairs: list[tuple[str, str]]) -> str:
    """An object of these members in any order."""
    chance.shuffle(pairs)
    space = chance.choice(("", " ", "\n  "))
    return "{" + ",".join(f'{space}"{key}"{chance.choice(("", " "))}:{space}{item}' for key, item in pairs) + "}"


def extra(chance: random.Random) -> list[tuple[str, str]]:
    return [(f"x_unknown_{chance.randrange(10**9)}", value(chance)) for _ in range(chance.randrange(3))]


def message(chance: random.Random) -> str:
    part = members(chance, [("type", '"text"'), ("text", text(chance)), *extra(chance)])
    content = chance.choice((text(chance), f"[{part}]"))
    return members(chance, [("role", '"user"'), ("content", content), *extra(chance)])


def tool(chance: random.Random) -> str:
    schema = members(chance, [("type", '"object"'), ("properties", value(chance)), ("maximum", chance.choice(NUMBERS))])
    function = members(chance, [("name", '"f"'), ("parameters", schema), *extra(chance)])
    return members(chance, [("type", '"function"'), ("function", function), *extra(chance)])


def body_of(chance: random.Random, number: int) -> str:
    pairs = [
        ("model", '"mock/ok"'),
        ("messages", "[" + ", ".join(message(chance) for _ in range(chance.randrange(1, 4))) + "]"),
        ("temperature", chance.choice(("0", "1", "1.0", "0.70", "2e0"))),
        ("seed", chance.choice(("9007199254740993", "0", "-1"))),
        ("user", f'"body-{number}"'),
        *extra(chance),
    ]
    if chance.random() < 0.5:
        pairs.append(("tools", "[" + tool(chance) + "]"))
    if chance.random() < 0.3:
        pairs.append(("stream", chance.choice(("true", "false"))))
        pairs.append(("stream_options", '{"include_usage": true}'))
    if chance.random() < 0.3:
        pairs.append(("gateway", '{"tags": {"team": "a"}}'))
    return members(chance, pairs)


def exact(body: bytes) -> Any:
    """The document with the order of members and the spelling of numbers."""
    return json.loads(
        body,
        object_pairs_hook=lambda pairs: ("object", pairs),
        parse_int=lambda spelling: ("number", spelling),
        parse_float=lambda spelling: ("number", spelling),
    )


def expected(body: bytes) -> Any:
    """What must arrive: all but the gateway's own knobs."""
    kind, pairs = exact(body)
    return kind, [(key, item) for key, item in pairs if key != "gateway"]


async def test_a_thousand_bodies_arrive_as_they_were_sent(
    perpetuo: Gateway, account: Account, upstream: MockUpstream
) -> None:
    chance = random.Random(20260101)
    bodies = [body_of(chance, number).encode() for number in range(BODIES)]
    gate = asyncio.Semaphore(PARALLEL)
    headers = {"authorization": f"Bearer {account.key}", "content-type": "application/json"}
    async with httpx2.AsyncClient(base_url=perpetuo.url, headers=headers, timeout=30) as client:

        async def send(body: bytes) -> None:
            async with gate:
                answer = await client.post("/v1/chat/completions", content=body)
                assert answer.status_code == 200, answer.text

        await asyncio.gather(*(send(body) for body in bodies))
    arrived: dict[str, bytes] = {}
    for request in upstream.requests:
        name = json.loads(request.body).get("user") or ""
        if name.startswith("body-"):
            assert name not in arrived
            arrived[name] = request.body
    assert len(arrived) == BODIES
    for number, body in enumerate(bodies):
        assert exact(arrived[f"body-{number}"]) == expected(body)
