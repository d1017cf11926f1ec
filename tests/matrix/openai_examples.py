"""What the documentation of OpenAI shows its SDK doing, on the scenes of the matrix."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import openai
from pydantic import BaseModel

from tests.matrix.scenes import CITY, CLOCK, PARAMETERS, PNG, RESULT, SCENES, SYSTEM, WEATHER

Json = dict[str, Any]
Example = Callable[[openai.AsyncOpenAI, str], Awaitable[None]]
"""Takes the SDK and what goes before the name of a scene in a model's name."""

PICTURE = f"data:image/png;base64,{PNG}"
WEATHER_TOOL: Json = {"name": WEATHER, "description": "Weather.", "parameters": PARAMETERS}
CLOCK_TOOL: Json = {"name": CLOCK, "parameters": {"type": "object", "properties": {}}}


class Warmth(BaseModel):
    """The answer of the scene `schema`."""

    celsius: int


def asked(scene: str) -> list[Any]:
    """The messages that begin a scene."""
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": SCENES[scene].words}]


async def chat(sdk: openai.AsyncOpenAI, model: str) -> None:
    """A completion in one piece."""
    completion = await sdk.chat.completions.create(model=f"{model}text", messages=asked("text"))
    assert completion.choices[0].message.content == SCENES["text"].said.text


async def chat_stream(sdk: openai.AsyncOpenAI, model: str) -> None:
    """A streamed completion, chunk by chunk."""
    stream = await sdk.chat.completions.create(model=f"{model}text", messages=asked("text"), stream=True)
    text = ""
    async for chunk in stream:
        text += chunk.choices[0].delta.content or "" if chunk.choices else ""
    assert text == SCENES["text"].said.text


async def chat_stream_helper(sdk: openai.AsyncOpenAI, model: str) -> None:
    """A streamed completion by the helper that folds it."""
    async with sdk.chat.completions.stream(model=f"{model}text", messages=asked("text")) as stream:
        pieces = [event.delta async for event in stream if event.type == "content.delta"]
        final = await stream.get_final_completion()
    assert "".join(pieces) == final.choices[0].message.content == SCENES["text"].said.text
    assert final.choices[0].finish_reason == "stop"


async def chat_tools(sdk: openai.AsyncOpenAI, model: str) -> None:
    """A call of a tool, its result, and the answer to that."""
    tools: list[Any] = [{"type": "function", "function": tool} for tool in (WEATHER_TOOL, CLOCK_TOOL)]
    messages = asked("tools")
    first = await sdk.chat.completions.create(model=f"{model}tools", messages=messages, tools=tools)
    message = first.choices[0].message
    assert message.tool_calls is not None
    messages.append(message)
    for call in message.tool_calls:
        assert call.type == "function"
        assert (call.function.name, json.loads(call.function.arguments)) == (WEATHER, json.loads(CITY))
        messages.append({"role": "tool", "tool_call_id": call.id, "content": RESULT})
    second = await sdk.chat.completions.create(model=f"{model}tools", messages=messages, tools=tools)
    assert second.choices[0].message.content == SCENES["tool-results"].said.text


async def chat_tools_stream(sdk: openai.AsyncOpenAI, model: str) -> None:
    """Parallel calls by the helper that folds them."""
    tools: list[Any] = [{"type": "function", "function": tool} for tool in (WEATHER_TOOL, CLOCK_TOOL)]
    name = "parallel-tools"
    async with sdk.chat.completions.stream(model=f"{model}{name}", messages=asked(name), tools=tools) as stream:
        final = await stream.get_final_completion()
    calls = final.choices[0].message.tool_calls
    assert calls is not None
    assert [call.function.name for call in calls] == [WEATHER, CLOCK]
    assert [json.loads(call.function.arguments) for call in calls] == [json.loads(CITY), {}]


async def chat_parse(sdk: openai.AsyncOpenAI, model: str) -> None:
    """An answer as an object of a class."""
    completion = await sdk.chat.completions.parse(
        model=f"{model}schema", messages=asked("schema"), response_format=Warmth
    )
    assert completion.choices[0].message.parsed == Warmth(celsius=12)


async def chat_vision(sdk: openai.AsyncOpenAI, model: str) -> None:
    """A question about a picture."""
    parts = [{"type": "text", "text": SCENES["image"].words}, {"type": "image_url", "image_url": {"url": PICTURE}}]
    messages: list[Any] = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": parts}]
    completion = await sdk.chat.completions.create(model=f"{model}image", messages=messages)
    assert completion.choices[0].message.content == SCENES["image"].said.text


async def responses(sdk: openai.AsyncOpenAI, model: str) -> None:
    """A response in one piece."""
    response = await sdk.responses.create(model=f"{model}text", instructions=SYSTEM, input=SCENES["text"].words)
    assert response.output_text == SCENES["text"].said.text


async def responses_stream(sdk: openai.AsyncOpenAI, model: str) -> None:
    """A streamed response by the helper that folds it."""
    words = SCENES["text"].words
    async with sdk.responses.stream(model=f"{model}text", instructions=SYSTEM, input=words) as stream:
        pieces = [event.delta async for event in stream if event.type == "response.output_text.delta"]
        final = await stream.get_final_response()
    assert "".join(pieces) == final.output_text == SCENES["text"].said.text


async def responses_parse(sdk: openai.AsyncOpenAI, model: str) -> None:
    """A response as an object of a class."""
    response = await sdk.responses.parse(
        model=f"{model}schema", instructions=SYSTEM, input=SCENES["schema"].words, text_format=Warmth
    )
    assert response.output_parsed == Warmth(celsius=12)


async def responses_vision(sdk: openai.AsyncOpenAI, model: str) -> None:
    """A question about a picture."""
    content = [
        {"type": "input_text", "text": SCENES["image"].words},
        {"type": "input_image", "image_url": PICTURE, "detail": "auto"},
    ]
    items: list[Any] = [{"role": "user", "content": content}]
    response = await sdk.responses.create(model=f"{model}image", instructions=SYSTEM, input=items)
    assert response.output_text == SCENES["image"].said.text


async def responses_tools(sdk: openai.AsyncOpenAI, model: str) -> None:
    """A loop of tools in which the items go back as they came."""
    await _loop(sdk, model, keeps=False)


async def responses_kept(sdk: openai.AsyncOpenAI, model: str) -> None:
    """A loop of tools that goes on from a kept response; what was kept is listed, and deleted."""
    last = await _loop(sdk, model, keeps=True)
    assert (await sdk.responses.retrieve(last)).output_text == SCENES["tool-results"].said.text
    listed = [item.type async for item in sdk.responses.input_items.list(last, order="asc")]
    assert listed[-2:] == ["function_call", "function_call_output"]
    await sdk.responses.delete(last)


async def _loop(sdk: openai.AsyncOpenAI, model: str, *, keeps: bool) -> str:
    tools: list[Any] = [{"type": "function", "strict": False, **tool} for tool in (WEATHER_TOOL, CLOCK_TOOL)]
    shared: Json = {"model": f"{model}tools", "instructions": SYSTEM, "tools": tools, "store": keeps}
    items: list[Any] = [{"role": "user", "content": SCENES["tools"].words}]
    first = await sdk.responses.create(input=items, **shared)
    calls = [item for item in first.output if item.type == "function_call"]
    assert [(call.name, json.loads(call.arguments)) for call in calls] == [(WEATHER, json.loads(CITY))]
    results: list[Any] = [{"type": "function_call_output", "call_id": call.call_id, "output": RESULT} for call in calls]
    if keeps:
        second = await sdk.responses.create(input=results, previous_response_id=first.id, **shared)
    else:
        said: list[Any] = [*items, *first.output, *results]
        second = await sdk.responses.create(input=said, **shared)
    assert second.output_text == SCENES["tool-results"].said.text
    return second.id


OPENAI_EXAMPLES: dict[str, Example] = {
    "chat.create": chat,
    "chat.create, stream": chat_stream,
    "chat.stream": chat_stream_helper,
    "chat, tools": chat_tools,
    "chat.stream, parallel tools": chat_tools_stream,
    "chat.parse": chat_parse,
    "chat, vision": chat_vision,
    "responses.create": responses,
    "responses.stream": responses_stream,
    "responses.parse": responses_parse,
    "responses, vision": responses_vision,
    "responses, tools": responses_tools,
    "responses, kept": responses_kept,
}
