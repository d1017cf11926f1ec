"""The pages as a client gets them, through the application."""

import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import grpc
import httpx2
import pytest
import pytest_asyncio
from perpetuo.v1 import errors_pb2

from edge.app import EdgeOptions, create_app
from edge.description import shipped_document
from edge.pages.documents import Document, LateDocument, document_pages
from edge.serve import serving
from edge.settings import EdgeSettings

REASONS = [name.removeprefix("ERROR_REASON_") for name, number in errors_pb2.ErrorReason.items() if number]
STATIC = files("edge.pages").joinpath("static")
NODE = shutil.which("node")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    """A client of a REST face without services, behind which nothing listens."""
    options = EdgeOptions(services=[], reasons=errors_pb2.ErrorReason.DESCRIPTOR, pages=document_pages())
    async with (
        grpc.aio.insecure_channel("127.0.0.1:1") as channel,
        serving(create_app(channel, options), EdgeSettings.from_environment(port=0, grace_s=1)) as port,
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as made,
    ):
        yield made


async def test_the_description_is_the_shipped_one(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/openapi.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-request-id"].startswith("req_")
    assert answer.json() == json.loads(shipped_document())


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param("{etag}", 304, id="the same"),
        pytest.param("W/{etag}", 304, id="the same, weakly"),
        pytest.param('"other", {etag}', 304, id="one of several"),
        pytest.param("*", 304, id="any"),
        pytest.param('"other"', 200, id="another"),
    ],
)
async def test_who_has_it_already_is_not_sent_it_again(client: httpx2.AsyncClient, sent: str, status: int) -> None:
    etag = (await client.get("/openapi.json")).headers["etag"]
    answer = await client.get("/openapi.json", headers={"if-none-match": sent.format(etag=etag)})
    assert answer.status_code == status
    assert bool(answer.content) == (status == 200)
    assert answer.headers["etag"] == etag


async def test_head_tells_the_length_and_sends_nothing(client: httpx2.AsyncClient) -> None:
    whole, head = await client.get("/docs"), await client.head("/docs")
    assert head.content == b""
    assert head.headers["content-length"] == str(len(whole.content))


@pytest.mark.parametrize(
    ("path", "content_type"),
    [
        ("/docs", "text/html; charset=utf-8"),
        ("/docs/", "text/html; charset=utf-8"),
        ("/docs/docs.css", "text/css; charset=utf-8"),
        ("/docs/docs.js", "text/javascript; charset=utf-8"),
        ("/docs/icon.svg", "image/svg+xml"),
        ("/docs/errors", "text/html; charset=utf-8"),
        ("/docs/errors/", "text/html; charset=utf-8"),
        ("/docs/errors/index.md", "text/markdown; charset=utf-8"),
    ],
)
async def test_a_page_has_its_type_and_may_load_nothing_from_elsewhere(
    client: httpx2.AsyncClient, path: str, content_type: str
) -> None:
    answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == content_type
    assert answer.headers["content-security-policy"].startswith("default-src 'self';")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("reason", REASONS)
async def test_every_reason_has_a_page(client: httpx2.AsyncClient, reason: str) -> None:
    page = await client.get(f"/docs/errors/{reason.lower()}")
    assert page.status_code == 200
    assert f"<h1>{reason}</h1>" in page.text
    assert (await client.get(f"/docs/errors/{reason}")).content == page.content
    text = await client.get(f"/docs/errors/{reason.lower()}.md")
    assert text.headers["content-type"] == "text/markdown; charset=utf-8"
    assert text.text.startswith(f"# {reason}\n")


async def test_every_local_link_of_a_page_leads_somewhere(client: httpx2.AsyncClient) -> None:
    seen: set[str] = set()
    waiting = ["/docs", "/docs/errors/"]
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        answer = await client.get(path)
        assert answer.status_code == 200, path
        if "html" in answer.headers["content-type"]:
            links = re.findall(r'(?:href|src)="([^"#]+)"', answer.text)
            assert [link for link in links if ":" in link or link.startswith("//")] == []
            waiting += [link if link.startswith("/") else f"{path.rpartition('/')[0]}/{link}" for link in links]
    assert len(seen) > 2 * len(REASONS)


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("/docs/errors/no_such_reason", "/docs/errors/ lists every error reason."),
        ("/docs/errors/unspecified", "/docs/errors/ lists every error reason."),
        ("/docs/no-such-page", "The pages begin at /docs."),
    ],
)
async def test_a_page_that_is_not_there_is_an_error_of_our_shape(
    client: httpx2.AsyncClient, path: str, hint: str
) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert error["code"] == "route_unknown"
    assert error["message"] == f"There is nothing at {path}. {hint}"
    assert error["request_id"] == answer.headers["x-request-id"]
    assert (await client.get(error["docs_url"])).status_code == 200


async def test_pages_are_only_read(client: httpx2.AsyncClient) -> None:
    answer = await client.post("/docs")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_an_etag_is_of_the_content() -> None:
    assert Document("text/plain", b"a").etag == Document("text/html", b"a").etag != Document("text/plain", b"b").etag


async def test_a_page_is_made_once_and_when_it_is_asked_for() -> None:
    made: list[str] = []

    def make() -> str:
        made.append("ü")
        return made[-1]

    page = LateDocument("text/plain; charset=utf-8", make)
    assert made == []
    transport = httpx2.ASGITransport(app=page)
    async with httpx2.AsyncClient(transport=transport, base_url="http://test") as asking:
        answers = [await asking.get("/") for _ in range(2)]
    assert [answer.text for answer in answers] == ["ü", "ü"]
    assert made == ["ü"]


def test_the_reader_is_small_and_asks_nobody_else() -> None:
    total_bytes = 0
    for entry in STATIC.iterdir():
        text = entry.read_text(encoding="utf-8")
        total_bytes += len(text.encode())
        addresses = set(re.findall(r"https?://[^\s\"'<>)]+", text)) - {"http://www.w3.org/2000/svg"}
        assert addresses == set(), entry.name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|localStorage", text), (
            entry.name
        )
    assert total_bytes < 60_000


@pytest.mark.skipif(NODE is None, reason="needs node")
def test_the_reader_draws_every_method_and_sends_what_it_shows(tmp_path: Path) -> None:
    description = tmp_path / "openapi.json"
    description.write_bytes(shipped_document())
    script, stage = str(STATIC.joinpath("docs.js")), str(Path(__file__).with_name("fake_dom.js"))
    assert NODE is not None
    result = subprocess.run([NODE, stage, script, str(description)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    drawn: dict[str, Any] = json.loads(result.stdout)
    document = json.loads(shipped_document())
    paths = [(path, method) for path, item in document["paths"].items() for method in item]
    for path, method in paths:
        assert f"{method.upper()}{path}" in drawn["text"]
        assert f"{method.upper()}{path}" in drawn["nav"]
    assert document["info"]["description"].split(":")[0] in drawn["about"]
    assert len(drawn["sent"]) == len(paths)
    chat = next(each for each in drawn["sent"] if each["url"] == "/v1/chat/completions")
    assert chat["method"] == "POST"
    assert chat["headers"] == {"authorization": "Bearer pk_1", "content-type": "application/json"}
    assert json.loads(chat["body"])["model"] == "demo/echo"
    curls = [text for text in drawn["pre"] if text.startswith("curl")]
    assert len(curls) == len(paths)
    assert any(f"'http://gateway{chat['url']}' -H 'Authorization: Bearer KEY'" in text for text in curls)
    assert "/docs/errors/already_exists" in drawn["links"]
    assert "gateway_metadata" in drawn["text"]
    assert drawn["shown"] == ["CompletionsService_CreateRawChatCompletion", "RoutingService_Explain"]
