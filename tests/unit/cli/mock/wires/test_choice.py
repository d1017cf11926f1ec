"""The dialect of a request is that of its path."""

import pytest

from cli.mock.answers import Asked
from cli.mock.wires.choice import ANTHROPIC, GOOGLE, OPENAI, Spoken, spoken_at


@pytest.mark.parametrize(
    ("path", "spoken"),
    [
        pytest.param("/v1/chat/completions", Spoken(OPENAI), id="chat completions"),
        pytest.param("/v1/messages", Spoken(ANTHROPIC), id="messages"),
        pytest.param("/v1beta/models/gemini:generateContent", Spoken(GOOGLE, "gemini"), id="a whole content"),
        pytest.param(
            "/v1beta/models/mock%2Fok:streamGenerateContent", Spoken(GOOGLE, "mock/ok", True), id="a streamed content"
        ),
        pytest.param("/v1beta/models/gemini:countTokens", None, id="another verb"),
        pytest.param("/v1/embeddings", None, id="another path"),
    ],
)
def test_a_path_tells_the_dialect(path: str, spoken: Spoken | None) -> None:
    assert spoken_at(path) == spoken


def test_a_path_that_names_model_and_form_has_the_last_word() -> None:
    asked = Spoken(GOOGLE, "gemini", True).complete(Asked(model="other"))
    assert (asked.model, asked.stream) == ("gemini", True)
    asked = Spoken(OPENAI).complete(Asked(model="other", stream=False))
    assert (asked.model, asked.stream) == ("other", False)
