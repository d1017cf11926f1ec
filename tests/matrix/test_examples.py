"""The documented examples of the SDKs, unmodified, on each dialect. Some cells in every run, all by `--cells all`."""

import anthropic
import openai
import pytest

from tests.matrix.anthropic_examples import ANTHROPIC_EXAMPLES
from tests.matrix.openai_examples import OPENAI_EXAMPLES
from tests.matrix.stage import Stage
from tests.matrix.upstream import playable

DIALECTS = playable()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every example on every dialect, or each on one of them in turn."""
    wants_all = metafunc.config.getoption("--cells") == "all"
    examples = OPENAI_EXAMPLES if "openai_example" in metafunc.fixturenames else ANTHROPIC_EXAMPLES
    cells = [
        pytest.param(dialect, example, id=f"{dialect}>{example}")
        for number, example in enumerate(examples)
        for place, dialect in enumerate(DIALECTS)
        if wants_all or number % len(DIALECTS) == place
    ]
    argument = "openai_example" if examples is OPENAI_EXAMPLES else "anthropic_example"
    metafunc.parametrize(("dialect", argument), cells)


async def test_the_openai_sdk(stage: Stage, dialect: str, openai_example: str) -> None:
    stage.upstream.forget()
    url = f"{stage.gateway.url}/v1"
    async with openai.AsyncOpenAI(base_url=url, api_key=stage.account.key, max_retries=0) as sdk:
        await OPENAI_EXAMPLES[openai_example](sdk, f"{DIALECTS[dialect]}/")
    assert stage.upstream.faults == []
    assert stage.upstream.asked != []


async def test_the_anthropic_sdk(stage: Stage, dialect: str, anthropic_example: str) -> None:
    stage.upstream.forget()
    async with anthropic.AsyncAnthropic(base_url=stage.gateway.url, api_key=stage.account.key, max_retries=0) as sdk:
        await ANTHROPIC_EXAMPLES[anthropic_example](sdk, f"{DIALECTS[dialect]}/")
    assert stage.upstream.faults == []
    # Tokens are counted without asking anybody.
    assert bool(stage.upstream.asked) is (anthropic_example != "messages.count_tokens")
