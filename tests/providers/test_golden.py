"""Each provider of the registry against its golden folder.

A folder holds what a caller asks (request.json) and what the provider says (response.json, stream.sse, error.json):
these are written by hand from the provider's wire. What our side makes of it is compared with wire.json, answer.json
and chunks.jsonl, which `pytest --update-golden` rewrites. error.json is a list of answers, each with its reason.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from server.chat.deployment import Candidate, Deployment
from server.chat.request import parse_chat_request
from server.errors import PerpetuoError
from server.providers.registry import PROVIDERS, Provider
from server.upstream.sse import SseDecoder

FOLDERS = Path(__file__).parent
NAMES = sorted(PROVIDERS)
INPUTS = ("request.json", "response.json", "stream.sse", "error.json")
PARTS_OF_USAGE = ("cache_write_1h", "audio", "tier")
BASE_URL = "https://models.example/v1"


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> "Golden":
    return Golden(bool(request.config.getoption("--update-golden")))


class Golden:
    """Compares with a file, or writes it."""

    def __init__(self, updates: bool) -> None:
        self.updates = updates

    def check(self, path: Path, made: bytes) -> None:
        if self.updates:
            path.write_bytes(made)
        assert made == path.read_bytes()


def pretty(document: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def candidate_of(row: Provider, model: str) -> Candidate:
    base_url = row.default_base_url or BASE_URL
    api_key = "" if row.is_builtin else "sk-golden"
    return Candidate(Deployment("prov_1", "ws_1", row.name, base_url, api_key), model)


def facts_json(facts: msgspec.Struct) -> Mapping[str, object]:
    """The facts; of the usage, parts of a bucket and tiers only where there are any."""
    shown: dict[str, Any] = msgspec.to_builtins(facts)
    if shown["usage"]:
        shown["usage"] = {
            name: value for name, value in shown["usage"].items() if value or not name.startswith(PARTS_OF_USAGE)
        }
    return {name: value for name, value in shown.items() if value not in (None, False)}


def test_every_row_has_a_folder_and_every_folder_a_row() -> None:
    assert sorted(path.name for path in FOLDERS.iterdir() if path.is_dir() and path.name != "__pycache__") == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_is_complete(name: str) -> None:
    assert [file for file in INPUTS if not (FOLDERS / name / file).is_file()] == []


@pytest.mark.parametrize("name", NAMES)
def test_builds_the_wire(name: str, golden: Golden) -> None:
    row = PROVIDERS[name]
    request = parse_chat_request((FOLDERS / name / "request.json").read_bytes())
    model = (request.model or "default-model").removeprefix(f"{name}/")
    wire = row.dialect.build(request, candidate_of(row, model), is_stream=request.is_stream)
    made = {
        "method": wire.method,
        "url": wire.url,
        "headers": dict(wire.headers),
        "is_stream": wire.is_stream,
        "notes": request.notes,
        "body": msgspec.Raw(wire.body),
    }
    golden.check(FOLDERS / name / "wire.json", pretty(made))


@pytest.mark.parametrize("name", NAMES)
def test_reads_the_answer(name: str, golden: Golden) -> None:
    body = (FOLDERS / name / "response.json").read_bytes()
    answer = PROVIDERS[name].dialect.answer(200, {"content-type": "application/json"}, body)
    golden.check(
        FOLDERS / name / "answer.json", pretty({"facts": facts_json(answer.facts), "body": msgspec.Raw(answer.body)})
    )


def chunks_of(name: str, pieces: list[bytes]) -> bytes:
    events, decoder = SseDecoder(), PROVIDERS[name].dialect.stream()
    found = [event for piece in pieces for event in events.feed(piece)] + events.finish()
    chunks = [chunk for event in found for chunk in decoder.feed(event)]
    lines = [
        msgspec.json.encode({"facts": facts_json(chunk.facts), "data": msgspec.Raw(chunk.data)}) for chunk in chunks
    ]
    assert all(b"\n" not in line for line in lines)
    return b"\n".join([*lines, msgspec.json.encode({"is_done": decoder.is_done, "notes": list(decoder.notes)}), b""])


@pytest.mark.parametrize("name", NAMES)
def test_reads_the_stream(name: str, golden: Golden) -> None:
    stream = (FOLDERS / name / "stream.sse").read_bytes()
    made = chunks_of(name, [stream])
    golden.check(FOLDERS / name / "chunks.jsonl", made)
    assert chunks_of(name, [stream[i : i + 1] for i in range(len(stream))]) == made


def errors() -> list[tuple[str, int, dict[str, Any]]]:
    return [
        (name, index, case)
        for name in NAMES
        for index, case in enumerate(msgspec.json.decode((FOLDERS / name / "error.json").read_bytes()))
    ]


@pytest.mark.parametrize(("name", "index", "case"), errors(), ids=[f"{n}-{i}-{c['reason']}" for n, i, c in errors()])
def test_names_the_reason_of_an_error(name: str, index: int, case: dict[str, Any]) -> None:
    with pytest.raises(PerpetuoError) as caught:
        PROVIDERS[name].dialect.answer(case["status"], case["headers"], case["body"].encode())
    error = caught.value
    assert error.reason == case["reason"]
    assert error.retry_after_s == case.get("retry_after_s")
    assert error.param == case.get("param")
    assert error.message == case.get("message", error.message)
    shown = PROVIDERS[name].dialect.error(case["status"], case["headers"], case["body"].encode()).message
    assert not any(secret in shown for secret in ("sk-proj", "org-", "https://", "user_2abc", "<h"))
