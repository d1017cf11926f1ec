"""What the documentation of Anthropic shows its SDK doing, on the scenes of the matrix, and how Claude Code calls."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import anthropic
from anthropic import beta_async_tool
from pydantic import BaseModel

from tests.matrix.scenes import CITY, CLOCK, PARAMETERS, PNG, RESULT, SCENES, SYSTEM, WEATHER

Json = dict[str, Any]
Example = Callable[[anthropic.AsyncAnthropic, str], Awaitable[None]]
"""Takes the SDK and what goes before the name of a scene in a model's name."""

TOOLS: list[Any] = [
    {"name": WEATHER, "description": "Weather.", "input_schema": PARAMETERS},
    {"name": CLOCK, "input_schema": {"type": "object", "properties": {}}},
]
MARK: Json = {"type": "ephemeral"}
BETAS = ["claude-code-20250219", "interleaved-thinking-2025-05-14", "fine-grained-tool-streaming-2025-05-14"]
USER = json.dumps({"device_id": "d" * 64, "account_uuid": "", "session_id": "0c9f4fd0-8f8c-4f0c-9d2c-000000000000"})


class Warmth(BaseModel):
    """The answer of the scene `schema`."""

    celsius: int


def of(model: str, scene: str, **more: Any) -> Json:
    """The request that begins a scene."""
    messages = [{"role": "user", "content": SCENES[scene].words}]
    return {"model": f"{model}{scene}", "max_tokens": 4000, "system": SYSTEM, "messages": messages, **more}


def text_of(message: Any) -> str:
    """What a message says."""
    return "".join(block.text for block in message.content if block.type == "text")


async def create(sdk: anthropic.AsyncAnthropic, model: str) -> None:
    """A message in one piece."""
    message = await sdk.messages.create(**of(model, "text"))
    assert (text_of(message), message.stop_reason) == (SCENES["text"].said.text, "end_turn")


async def create_stream(sdk: anthropic.AsyncAnthropic, model: str) -> None:
    """A streamed message, event by event."""
    stream = await sdk.messages.create(**of(model, "text"), stream=True)
    kinds = [event.type async for event in stream]
    assert (kinds[0], kinds[-2:]) == ("message_start", ["message_delta", "message_stop"])


async def stream_helper(sdk: anthropic.AsyncAnthropic, model: str) -> None:
    """A streamed message by the helper that folds it."""
    async with sdk.messages.stream(**of(model, "text")) as stream:
        text = "".join([piece async for piece in stream.text_stream])
        final = await stream.get_final_message()
    assert text == text_of(final) == SCENES["text"].said.text


async def tools(sdk: anthropic.AsyncAnthropic, model: str) -> None:
    """A use of a tool, its result, and the answer to that."""
    request = of(model, "tools", tools=TOOLS)
    first = await sdk.messages.create(**request)
    [use] = [block for block in first.content if block.type == "tool_use"]
    assert (first.stop_reason, use.name, use.input) == ("tool_use", WEATHER, json.loads(CITY))
    result = {"type": "tool_result", "tool_use_id": use.id, "content": RESULT}
    request["messages"] += [{"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    second = await sdk.messages.create(**request)
    assert text_of(second) == SCENES["tool-results"].said.text


async def tool_runner(sdk: anthropic.AsyncAnthropic, model: str) -> None:
    """The loop that the SDK itself runs."""
    await _run(sdk, model, is_stream=False)


async def tool_runner_stream(sdk: anthropic.AsyncAnthropic, model: str) -> None:
    """The same as a stream."""
    await _run(sdk, model, is_stream=True)


async def _run(sdk: anthropic.AsyncAnthropic, model: str, *, is_stream: bool) -> None:
    seen: list[Json] = []

    @beta_async_tool(name=WEATHER)
    async def get_weather(city: str, day: int = 0) -> str:
        """Weather of a city.

        Args:
            city: which one.
            day: which day.
        """
        seen.append({"city": city, "day": day})
        return RESULT

    @beta_async_tool(name=CLOCK)
    async def now() -> str:
        """The time."""
        return "12:00"

    request = of(model, "tools", tools=[get_weather, now])
    runner: Any = sdk.beta.messages.tool_runner(**request, stream=True) if is_stream else None
    runner = runner or sdk.beta.messages.tool_runner(**request)
    final = await runner.until_done()
    assert seen == [json.loads(CITY)]
    assert text_of(final) == SCENES["tool-results"].said.text


async def parse(sdk: anthropic.AsyncAnthropic, model: str) -> None:
    """An answer as an object of a class."""
    message = await sdk.messages.parse(**of(model, "schema"), output_format=Warmth)
    assert message.parsed_output == Warmth(celsius=12)


async def vision(sdk: anthropic.AsyncAnthropic, model: str) -> None:
    """A question about a picture."""
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    content = [{"type": "image", "source": source}, {"type": "text", "text": SCENES["image"].words}]
    message = await sdk.messages.create(**of(model, "image") | {"messages": [{"role": "user", "content": content}]})
    assert text_of(message) == SCENES["image"].said.text


async def thinking(sdk: anthropic.AsyncAnthropic, model: str) -> None:
    """A message that was thought about."""
    message = await sdk.messages.create(**of(model, "reasoning", thinking={"type": "enabled", "budget_tokens": 1024}))
    assert text_of(message) == SCENES["reasoning"].said.text


async def count_tokens(sdk: anthropic.AsyncAnthropic, model: str) -> None:
    """How many tokens a request has."""
    request = of(model, "text")
    del request["max_tokens"]
    assert (await sdk.messages.count_tokens(**request)).input_tokens > 0


async def claude_code(sdk: anthropic.AsyncAnthropic, model: str) -> None:
    """A turn as Claude Code asks for it, and the next one with the tool's result."""
    marked = [{**TOOLS[0]}, {**TOOLS[1], "cache_control": MARK}]
    request = of(
        model,
        "reasoned-tools",
        system=[{"type": "text", "text": SYSTEM, "cache_control": MARK}],
        tools=marked,
        thinking={"type": "enabled", "budget_tokens": 1024},
        metadata={"user_id": USER},
        betas=BETAS,
    )
    words = {"type": "text", "text": SCENES["reasoned-tools"].words, "cache_control": MARK}
    request["messages"] = [{"role": "user", "content": [words]}]
    async with sdk.beta.messages.stream(**request) as stream:
        first = await stream.get_final_message()
    [use] = [block for block in first.content if block.type == "tool_use"]
    assert (first.stop_reason, use.input) == ("tool_use", json.loads(CITY))
    result = {"type": "tool_result", "tool_use_id": use.id, "content": RESULT, "cache_control": MARK}
    said = [block.model_dump(exclude_none=True) for block in first.content]
    request["messages"] += [{"role": "assistant", "content": said}, {"role": "user", "content": [result]}]
    counted = {name: value for name, value in request.items() if name not in ("max_tokens", "metadata")}
    assert (await sdk.beta.messages.count_tokens(**counted)).input_tokens > 0
    async with sdk.beta.messages.stream(**request) as stream:
        assert text_of(await stream.get_final_message()) == SCENES["tool-results"].said.text


ANTHROPIC_EXAMPLES: dict[str, Example] = {
    "messages.create": create,
    "messages.create, stream": create_stream,
    "messages.stream": stream_helper,
    "messages, tools": tools,
    "messages.tool_runner": tool_runner,
    "messages.tool_runner, stream": tool_runner_stream,
    "messages.parse": parse,
    "messages, vision": vision,
    "messages, thinking": thinking,
    "messages.count_tokens": count_tokens,
    "Claude Code": claude_code,
}
