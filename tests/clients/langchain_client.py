"""LangChain's ChatOpenAI, unmodified, with only the base URL and the key changed.

It runs in an environment of its own, started by `tests.clients.run`, which tells the addresses and keys by environment
variables and reads the counts from the file that is the only argument.
"""

import json
import os
import sys
import unittest
from pathlib import Path
from typing import Any

import openai
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

BASE_URL = os.environ["PERPETUO_URL"] + "/v1"
DEMO_KEY = os.environ["PERPETUO_DEMO_KEY"]
TEXT = "Hello there, you."


def chat(model: str, key: str = DEMO_KEY, **more: Any) -> Any:
    """A chat model behind the gateway."""
    return ChatOpenAI(model=model, base_url=BASE_URL, api_key=key, max_retries=0, **more)


def get_weather(city: str) -> str:
    """Weather of a city."""
    return f"rain in {city}"


WEATHER: Any = tool(get_weather)


class Person(BaseModel):
    """A person."""

    name: str
    age: int


class ChatOpenAITest(unittest.IsolatedAsyncioTestCase):
    """What LangChain users do."""

    def test_invoke(self) -> None:
        answer = chat("demo/echo", temperature=0.5, max_tokens=50).invoke(
            [SystemMessage("Be brief."), HumanMessage(TEXT)]
        )
        assert answer.content == TEXT
        assert answer.response_metadata["finish_reason"] == "stop"
        usage = answer.usage_metadata
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > 0

    # In one test, because the asynchronous clients share connections, which belong to the loop of the first one.
    async def test_asynchronously(self) -> None:
        answer = await chat("demo/echo").ainvoke(TEXT)
        assert answer.content == TEXT
        chunks = [chunk async for chunk in chat("demo/echo").astream(TEXT)]
        assert "".join(chunk.content for chunk in chunks) == TEXT
        answers = await chat("demo/echo").abatch(["one", "two", "three"])
        assert [answer.content for answer in answers] == ["one", "two", "three"]

    def test_stream(self) -> None:
        chunks = list(chat("demo/echo", stream_usage=True).stream(TEXT))
        assert "".join(chunk.content for chunk in chunks) == TEXT
        assert len(chunks) > 2
        whole = chunks[0]
        for chunk in chunks[1:]:
            whole += chunk
        assert whole.usage_metadata["output_tokens"] > 0
        assert whole.response_metadata["finish_reason"] == "stop"

    def test_a_batch(self) -> None:
        answers = chat("demo/echo").batch(["one", "two", "three"])
        assert [answer.content for answer in answers] == ["one", "two", "three"]

    def test_a_tool_round_trip(self) -> None:
        bound = chat("demo/tool").bind_tools([WEATHER])
        messages: list[Any] = [HumanMessage("What is the weather?")]
        first = bound.invoke(messages)
        assert isinstance(first, AIMessage)
        [call] = first.tool_calls
        assert call["name"] == "get_weather"
        assert isinstance(call["args"]["city"], str)
        result = WEATHER.invoke(call)
        assert isinstance(result, ToolMessage)
        second = bound.invoke([*messages, first, result])
        assert "rain in" in second.content

    def test_streamed_tool_calls(self) -> None:
        whole: Any = None
        for chunk in chat("demo/tool").bind_tools([WEATHER]).stream("What is the weather?"):
            whole = chunk if whole is None else whole + chunk
        [call] = whole.tool_calls
        assert call["name"] == "get_weather"
        assert isinstance(call["args"]["city"], str)

    def test_structured_output(self) -> None:
        for method, model in (("json_schema", "demo/json"), ("function_calling", "demo/tool")):
            found = chat(model).with_structured_output(Person, method=method).invoke("Who?")
            assert isinstance(found, Person)

    def test_a_wrong_key(self) -> None:
        with self.assertRaises(openai.AuthenticationError) as caught:  # noqa: PT027
            chat("demo/echo", "pk_wrong").invoke(TEXT)
        assert caught.exception.code == "invalid_api_key"
        assert str(caught.exception.request_id).startswith("req_")

    def test_a_limit(self) -> None:
        with self.assertRaises(openai.RateLimitError) as caught:  # noqa: PT027
            chat("demo/error-429").invoke(TEXT)
        assert caught.exception.code == "rate_limit_exceeded"

    def test_a_provider_that_fails(self) -> None:
        with self.assertRaises(openai.InternalServerError) as caught:  # noqa: PT027
            list(chat("demo/error-500").stream(TEXT))
        assert caught.exception.code == "upstream_unavailable"


def main(counts: Path) -> int:
    """Runs the tests above and writes `{"passed", "failed"}`."""
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(ChatOpenAITest)
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    failed = len(result.failures) + len(result.errors)
    counts.write_text(json.dumps({"passed": result.testsRun - failed, "failed": failed}))
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
