"""Slips in a base URL, and paths that are none."""

import pytest

from edge.rest.slips import corrected


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        (b"/chat/completions", b"/v1/chat/completions"),
        (b"/v1/v1/chat/completions", b"/v1/chat/completions"),
        (b"/v1/v1/v1/models", b"/v1/models"),
        (b"/v1/chat/completions/", b"/v1/chat/completions"),
        (b"//v1/chat/completions", b"/v1/chat/completions"),
        (b"/v1//chat//completions//", b"/v1/chat/completions"),
        (b"/models", b"/v1/models"),
        (b"/v1/models/", b"/v1/models"),
        (b"/models/gpt-4o", b"/v1/models/gpt-4o"),
        (b"/v1/models/meta-llama%2FLlama-3/", b"/v1/models/meta-llama%2FLlama-3"),
        (b"/models/meta-llama/Llama-3", b"/v1/models/meta-llama/Llama-3"),
        (b"/messages", b"/v1/messages"),
        (b"/responses/", b"/v1/responses"),
        (b"/responses/resp_1/input_items", b"/v1/responses/resp_1/input_items"),
        (b"/v1/v1/completions", b"/v1/completions"),
        (b"/embeddings", b"/v1/embeddings"),
        (b"/v1/v1/messages", b"/v1/messages"),
        (b"/v1/v1/messages/count_tokens/", b"/v1/messages/count_tokens"),
    ],
)
def test_a_slip_is_corrected(path: bytes, meant: bytes) -> None:
    assert corrected(path) == meant


@pytest.mark.parametrize(
    "path",
    [
        b"/",
        b"/v1",
        b"/v1/chat/completions",
        b"/v1/models/gpt-4o",
        b"/v2/models",
        b"/api/models/",
        b"/modelsx",
        b"/chat/completions/x",
        b"/messages/x",
        b"/workspaces/",
        b"/v1/files/",
        b"models",
    ],
)
def test_anything_else_is_left_alone(path: bytes) -> None:
    assert corrected(path) is None


def test_a_long_path_is_judged_quickly() -> None:
    assert corrected(b"/" * 50_000 + b"x") is None
    assert corrected(b"/models" + b"/" * 50_000) == b"/v1/models"
