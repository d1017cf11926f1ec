"""Pictures by address: fetched within bounds, from nowhere that must not be called, and as what they are."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from server.chat.request import ChatRequest, parse_chat_request
from server.errors import ParamUnsupported
from server.upstream import pictures
from server.upstream.client import HttpTransport
from server.upstream.pictures import Pictures
from tests.unit.server.upstream.raw_server import raw_server, read_request

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(200))
JPEG = b"\xff\xd8\xff\xe0" + b"x" * 100
BIG = PNG + b"x" * 5000
PATH = "messages[1].content[1].image_url.url"
ANSWERS = {
    "/a.png": (200, PNG),
    "/lies.gif": (200, JPEG),
    "/page": (200, b"<html>no picture</html>"),
    "/missing": (404, PNG),
    "/elsewhere": (302, PNG),
    "/big": (200, BIG),
    "/empty": (200, b""),
}
Site = tuple[str, list[str]]


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    """A server of pictures, and the heads of the requests that came."""
    heads: list[str] = []

    async def talk(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            heads.append((await read_request(reader)).decode())
            path = heads[-1].split(" ")[1]
            if path == "/silent":
                await asyncio.sleep(60)
            status, body = ANSWERS[path]
            more = "Location: /a.png\r\n" if status == 302 else ""
            writer.write(f"HTTP/1.1 {status} X\r\n{more}Content-Length: {len(body)}\r\n\r\n".encode() + body)

    async with raw_server(talk) as port:
        yield f"http://127.0.0.1:{port}", heads


@pytest_asyncio.fixture
async def fetching() -> AsyncIterator[Pictures]:
    made = Pictures(HttpTransport(allow_private_upstreams=True, max_body_bytes=4096), allows_http=True)
    yield made
    await made.close()


def asked(*urls: str, **members: Any) -> ChatRequest:
    parts = [
        {"type": "text", "text": "Look, 1.0:"},
        *({"type": "image_url", "image_url": {"url": url}} for url in urls),
    ]
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": parts}]
    return parse_chat_request(json.dumps({"model": "m", "messages": messages, **members}).encode())


def urls_of(request: ChatRequest) -> list[str]:
    content = request.view.messages[1].content
    assert isinstance(content, list)
    return [part.image_url.url for part in content if part.image_url]


def data_url(kind: str, body: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(body).decode()}"


async def test_addresses_become_what_they_lead_to(site: Site, fetching: Pictures) -> None:
    inline = data_url("gif", b"GIF89a...")
    request = asked(f"{site[0]}/a.png", inline, f"{site[0]}/lies.gif", f"{site[0]}/a.png", temperature=0.5)
    found = await fetching.fetched(request, 30.0)
    assert urls_of(found) == [data_url("png", PNG), inline, data_url("jpeg", JPEG), data_url("png", PNG)]
    assert found.view.temperature == 0.5
    assert found.notes is request.notes
    assert json.loads(bytes(found.members["messages"]))[0] == {"role": "system", "content": "Be brief."}
    assert urls_of(request)[0] == f"{site[0]}/a.png", "another candidate may take addresses"
    assert len(site[1]) == 2, "each address is fetched once"
    assert not any(word in head.lower() for head in site[1] for word in ("authorization", "cookie", "x-api-key"))


REFUSED = [
    ("/missing", "answered 404"),
    ("/elsewhere", "answered 302"),
    ("/page", "no PNG"),
    ("/empty", "no PNG"),
    ("/big", "larger than"),
]


@pytest.mark.parametrize(("path", "why"), REFUSED)
async def test_what_is_no_picture_within_bounds_is_refused(site: Site, fetching: Pictures, path: str, why: str) -> None:
    with pytest.raises(ParamUnsupported, match=why) as caught:
        await fetching.fetched(asked(site[0] + path), 30.0)
    assert caught.value.param == PATH
    assert site[0] not in caught.value.message
    assert len(site[1]) == 1, "nothing is followed or asked twice"


async def test_all_have_their_time_together(site: Site, fetching: Pictures) -> None:
    with pytest.raises(ParamUnsupported, match="too long"):
        await fetching.fetched(asked(f"{site[0]}/silent", f"{site[0]}/a.png"), 0.05)


async def test_their_number_is_bounded(site: Site, fetching: Pictures) -> None:
    urls = [f"{site[0]}/a.png"] * (pictures.MAX_PICTURES + 1)
    with pytest.raises(ParamUnsupported, match="more than 20"):
        await fetching.fetched(asked(*urls), 30.0)
    assert site[1] == []


ADDRESSES = [
    "https://127.0.0.1:{port}/a.png",
    "https://localhost:{port}/a.png",
    "https://127.1:{port}/a.png",
    "https://2130706433:{port}/a.png",
    "https://0x7f.1:{port}/a.png",
    "https://[::ffff:127.0.0.1]:{port}/a.png",
    "https://0.0.0.0:{port}/a.png",
    "https://169.254.169.254/latest/meta-data",
    "https://[fe80::1]/a.png",
    "https://10.0.0.1/a.png",
    "http://127.0.0.1:{port}/a.png",
    "https://user:secret@127.0.0.1:{port}/a.png",
    "https:///a.png",
    "httpx://127.0.0.1:{port}/a.png",
]


@pytest.mark.parametrize("address", ADDRESSES)
async def test_addresses_that_must_not_be_called_are_not(site: Site, address: str) -> None:
    guarded = Pictures(HttpTransport(max_body_bytes=4096))
    try:
        with pytest.raises(ParamUnsupported) as caught:
            await guarded.fetched(asked(address.format(port=site[0].rpartition(":")[2])), 10.0)
    finally:
        await guarded.close()
    assert caught.value.param == PATH
    assert site[1] == []
