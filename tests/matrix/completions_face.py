"""OpenAI's legacy completions, by the `openai` SDK: a prompt of text in, a text out."""

from typing import Any

import openai

from tests.matrix.faces import Asking, Json
from tests.matrix.scenes import MAX_TOKENS, SYSTEM, Heard, Scene


class CompletionsFace:
    """See `Face`."""

    def lacks(self, scene: Scene) -> str:
        """See `Face`."""
        if scene.tools:
            return "legacy completions have no tools"
        if scene.image:
            return "legacy completions have no pictures"
        if scene.schema:
            return "legacy completions have no schemas"
        return "legacy completions have no reasoning" if scene.effort else ""

    async def ask(self, asking: Asking) -> Heard:
        """See `Face`."""
        sdk = openai.AsyncOpenAI(base_url=f"{asking.url}/v1", api_key=asking.key, max_retries=0)
        prompt = f"{SYSTEM}\n{asking.scene.words}"
        members: Json = {"model": asking.model, "prompt": prompt, "max_tokens": MAX_TOKENS}
        try:
            if asking.is_stream:
                return await self._stream(sdk, members, asking)
            answer = await sdk.completions.create(**members)
            [choice] = answer.choices
            return Heard(choice.text, finish=choice.finish_reason, tokens=self._tokens(answer.usage))
        except openai.APIStatusError as error:
            return Heard(failure=error.status_code)
        finally:
            await sdk.close()

    async def _stream(self, sdk: openai.AsyncOpenAI, members: Json, asking: Asking) -> Heard:
        text, finish, tokens = "", "", (0, 0, 0)
        stream = await sdk.completions.create(**members, stream=True, stream_options={"include_usage": True})
        try:
            async for chunk in stream:
                tokens = self._tokens(chunk.usage) if chunk.usage else tokens
                for choice in chunk.choices:
                    text += choice.text
                    finish = choice.finish_reason or finish
                if text:
                    asking.on_text()
        except openai.APIError:
            return Heard(text, failure="stream")
        return Heard(text, finish=finish, tokens=tokens)

    def _tokens(self, usage: Any) -> tuple[int, int, int]:
        details = usage.prompt_tokens_details
        return usage.prompt_tokens, (details.cached_tokens if details else 0) or 0, usage.completion_tokens
