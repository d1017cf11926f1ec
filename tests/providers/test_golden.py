"""Each provider of the registry against its golden folder.

A folder holds what a caller asks (request.json) and what the provider says (response.json, stream.sse, error.json):
these are written by hand from the provider's wire. What our side makes of it is compared with wire.json, answer.json
and chunks.jsonl, which `pytest --update-golden` rewrites. error.json is a list of answers, each with its reason.
entry.json is there where an entry of the provider must say more than a key. A folder within it is one more case, with
whichever of these files it is about. Streams that are not server-sent events stand in stream.jsonl, an event a line.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import BaseModel

from server.catalogue.catalogue import Catalogue
from server.chat.answer import AnswerFacts, ChunkFacts
from server.chat.deployment import Candidate, Deployment
from server.chat.model_facts import UNKNOWN_MODEL
from server.chat.request import parse_chat_request
from server.errors import PerpetuoError
from server.providers.pieces import whole_from
from server.providers.registry import PROVIDERS, Provider
from server.upstream.framing import event_decoder
from tests.providers.folding import folded, whole
from tests.unit.server.upstream import frames

FOLDERS = Path(__file__).parent
NAMES = sorted(PROVIDERS)
CASES = sorted(
    path.parent.relative_to(FOLDERS).as_posix()
    for path in FOLDERS.rglob("*.json*")
    if path.name in {"request.json", "response.json", "stream.jsonl"} or path.with_name("stream.sse").is_file()
)
CASES = list(dict.fromkeys(CASES))
INPUTS = ("request.json", "response.json", "error.json")
STREAMS = ("stream.sse", "stream.jsonl")
LEAST: Mapping[str, Any] = {"id": "a", "created": 0, "model": "m", "object": "chat.completion"}
"""What some servers leave out, and the types of OpenAI's own client demand."""
PARTS_OF_USAGE = ("cache_write_1h", "audio", "tier")
CATALOGUE = Catalogue.load()
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
    entry = FOLDERS / row.name / "entry.json"
    own = msgspec.json.decode(entry.read_bytes(), type=dict[str, str]) if entry.is_file() else {}
    base_url = own.get("base_url") or row.default_base_url or BASE_URL
    api_key = "" if row.is_builtin else own.get("api_key", "sk-golden")
    known = CATALOGUE.find(row.name, model)
    deployment = Deployment("prov_1", "ws_1", row.name, base_url, api_key)
    return Candidate(deployment, model, known.facts if known else UNKNOWN_MODEL)


def facts_json(facts: AnswerFacts | ChunkFacts) -> Mapping[str, object]:
    """The facts; of the usage, parts of a bucket and tiers only where there are any."""
    shown: dict[str, Any] = msgspec.to_builtins(facts)
    shown.pop("is_usual", None)  # says nothing of the answer, but what need not be looked for in it
    if facts.usage is not None:
        usage = msgspec.structs.asdict(facts.usage)
        shown["usage"] = {name: value for name, value in usage.items() if value or not name.startswith(PARTS_OF_USAGE)}
    return {name: value for name, value in shown.items() if value not in (None, False)}


def row_of(case: str) -> Provider:
    return PROVIDERS[case.partition("/")[0]]


def with_file(*names: str) -> list[str]:
    """The cases that have one of these files."""
    return [case for case in CASES if any((FOLDERS / case / name).is_file() for name in names)]


def stream_of(case: str) -> bytes:
    """The bytes of a stream: of server-sent events as they stand in the file, of others made from its lines."""
    path = FOLDERS / case / STREAMS[0]
    if path.is_file():
        return path.read_bytes()
    events = [msgspec.json.decode(line) for line in path.with_name(STREAMS[1]).read_bytes().splitlines()]
    writers = {"event": frames.event, "exception": frames.exception}
    return b"".join(writers[kind](name, msgspec.json.encode(data)) for kind, name, data in events)


def test_every_row_has_a_folder_and_every_folder_a_row() -> None:
    assert sorted(path.name for path in FOLDERS.iterdir() if path.is_dir() and path.name != "__pycache__") == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_is_complete(name: str) -> None:
    assert [file for file in INPUTS if not (FOLDERS / name / file).is_file()] == []
    assert any((FOLDERS / name / file).is_file() for file in STREAMS)


@pytest.mark.parametrize("case", with_file("request.json"))
def test_builds_the_wire(case: str, golden: Golden) -> None:
    row = row_of(case)
    request = parse_chat_request((FOLDERS / case / "request.json").read_bytes())
    model = (request.model or "default-model").removeprefix(f"{row.name}/")
    wire = row.dialect.build(request, candidate_of(row, model), is_stream=request.is_stream)
    made = {
        "method": wire.method,
        "url": wire.url,
        "headers": dict(wire.headers),
        "is_stream": wire.is_stream,
        "notes": request.notes,
        "body": msgspec.Raw(wire.body),
        **({"is_signed_when_sent": True} if wire.sign else {}),
    }
    golden.check(FOLDERS / case / "wire.json", pretty(made))


@pytest.mark.parametrize("case", with_file("response.json"))
def test_reads_the_answer(case: str, golden: Golden) -> None:
    body = (FOLDERS / case / "response.json").read_bytes()
    answer = row_of(case).dialect.answer(200, {"content-type": "application/json"}, body)
    golden.check(
        FOLDERS / case / "answer.json", pretty({"facts": facts_json(answer.facts), "body": msgspec.Raw(answer.body)})
    )


def chunks_of(case: str, pieces: list[bytes]) -> bytes:
    dialect = row_of(case).dialect
    events, decoder = event_decoder(dialect.framing), dialect.stream()
    found = [event for piece in pieces for event in events.feed(piece)] + list(events.finish())
    chunks = [chunk for event in found for chunk in decoder.feed(event)]
    lines = [
        msgspec.json.encode({"facts": facts_json(chunk.facts), "data": msgspec.Raw(chunk.data)}) for chunk in chunks
    ]
    assert all(b"\n" not in line for line in lines)
    return b"\n".join([*lines, msgspec.json.encode({"is_done": decoder.is_done, "notes": list(decoder.notes)}), b""])


@pytest.mark.parametrize("case", with_file(*STREAMS))
def test_reads_the_stream(case: str, golden: Golden) -> None:
    stream = stream_of(case)
    made = chunks_of(case, [stream])
    golden.check(FOLDERS / case / "chunks.jsonl", made)
    assert chunks_of(case, [stream[i : i + 1] for i in range(len(stream))]) == made


@pytest.mark.parametrize("case", [case for case in with_file(*STREAMS) if case in with_file("response.json")])
def test_the_stream_byte_by_byte_folds_into_the_answer(case: str) -> None:
    stream = stream_of(case)
    *lines, _ = chunks_of(case, [stream[i : i + 1] for i in range(len(stream))]).splitlines()
    told = [msgspec.json.decode(line) for line in lines]
    answer = msgspec.json.decode((FOLDERS / case / "answer.json").read_bytes())
    assert folded(chunk["data"] for chunk in told) == whole(answer["body"])
    made = whole_from([msgspec.json.encode(chunk["data"]) for chunk in told])
    assert made is not None
    assert whole(msgspec.json.decode(made)) == whole(answer["body"])
    usages = [chunk["facts"]["usage"] for chunk in told if "usage" in chunk["facts"]]
    assert usages[-1:] == [answer["facts"]["usage"]] if "usage" in answer["facts"] else not usages
    roles = [choice["delta"].get("role") for chunk in told for choice in chunk["data"]["choices"] if "delta" in choice]
    assert sum(role is not None for role in roles) <= len(answer["body"]["choices"])
    kinds: list[tuple[type[BaseModel], list[dict[str, Any]]]] = [
        (ChatCompletion, [answer["body"]]),
        (ChatCompletionChunk, [chunk["data"] for chunk in told]),
    ]
    for kind, told_of in kinds:
        for body in told_of:
            kind.model_validate({**LEAST, **body, "service_tier": None}, strict=True)


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
