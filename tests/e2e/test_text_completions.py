"""Legacy text completions with the openai SDK, unmodified, against a real gateway."""

import json
from typing import Any

import httpx2
import openai
import pytest

from cli.mock.upstream import MockUpstream
from tests.e2e.gateway import Account, Gateway
from tests.e2e.test_parity import record_of


def client(gateway: Gateway, key: str) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0)


async def test_a_text_goes_on(perpetuo: Gateway, account: Account, upstream: MockUpstream) -> None:
    async with client(perpetuo, account.key) as sdk:
        found = await sdk.completions.create(model="mock/ok", prompt="Once", echo=True, suffix="The end.", stop=["x"])
    assert found.choices[0].text.startswith("OnceHello")
    assert (found.object, found.choices[0].finish_reason) == ("text_completion", "stop")
    assert found.usage is not None
    assert found.model_extra is not None
    metadata = found.model_extra["gateway_metadata"]
    assert metadata["notes"] == ["suffix is not sent: chat models have no such parameter."]
    sent = json.loads(upstream.requests[-1].body)
    assert sent == {
        "model": "mock/ok",
        "stop": ["x"],
        "messages": [{"role": "user", "content": "Once"}],
        "max_tokens": 16,
    }
    assert (await record_of(perpetuo, metadata["request_id"]))["surface"] == "rest/completions"


async def test_a_stream_ends_with_done_and_tells_the_usage_if_asked(perpetuo: Gateway, account: Account) -> None:
    async with client(perpetuo, account.key) as sdk:
        stream = await sdk.completions.create(
            model="mock/ok", prompt="Once", stream=True, stream_options={"include_usage": True}
        )
        pieces = [piece async for piece in stream]
    assert "".join(choice.text for piece in pieces for choice in piece.choices).startswith("Hello")
    assert [choice.finish_reason for piece in pieces for choice in piece.choices if choice.finish_reason] == ["stop"]
    assert pieces[-1].usage is not None
    body = {"model": "mock/ok", "prompt": "Once", "stream": True}
    headers = {"authorization": f"Bearer {account.key}"}
    async with httpx2.AsyncClient(base_url=perpetuo.url, headers=headers, timeout=60) as web:
        assert (await web.post("/v1/completions", json=body)).text.endswith("data: [DONE]\n\n")


ERRORS: list[tuple[str, dict[str, Any], type[openai.APIStatusError], str]] = [
    ("several prompts", {"prompt": ["a", "b"]}, openai.BadRequestError, "param_unsupported"),
    ("a suffix, strictly", {"suffix": "x", "extra_body": {"gateway": {"strict": True}}}, openai.BadRequestError,
     "param_unsupported"),
    ("a model that no provider has", {"model": "mock/status-404"}, openai.NotFoundError, "model_not_found"),
    ("a provider that limits", {"model": "mock/status-429"}, openai.RateLimitError, "rate_limit_exceeded"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "raised", "code"), [case[1:] for case in ERRORS], ids=[case[0] for case in ERRORS])
async def test_errors_are_those_of_chat_completions(
    perpetuo: Gateway, account: Account, change: dict[str, Any], raised: type[openai.APIStatusError], code: str
) -> None:
    async with client(perpetuo, account.key) as sdk:
        with pytest.raises(raised) as caught:
            await sdk.completions.create(**{"model": "mock/ok", "prompt": "Once", **change})
    assert caught.value.code == code


async def test_a_stream_that_breaks_tells_what_broke_it(perpetuo: Gateway, account: Account) -> None:
    async with client(perpetuo, account.key) as sdk:
        stream = await sdk.completions.create(model="mock/slow?n=9&ms=40+error-event?n=6", prompt="Once", stream=True)
        with pytest.raises(openai.APIError, match="broke"):
            async for _ in stream:
                pass
