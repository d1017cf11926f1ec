"""Documents that are made once and sent as they are, with an ETag, and the paths under which the gateway shows them.

Nothing here is fetched from elsewhere and no page may fetch from elsewhere: the content security policy says so.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Final

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

from edge.errors import DOCS_PATH
from edge.openapi import REASONS_MEMBER, shipped_document
from edge.pages.error_pages import index_html, index_markdown, reason_html, reason_markdown
from edge.reasons import Reason
from edge.transcoder.faults import route_unknown

HTML: Final = "text/html; charset=utf-8"
MARKDOWN: Final = "text/markdown; charset=utf-8"
JSON: Final = "application/json"
DESCRIPTION_PATH: Final = "/openapi.json"
READER_PATH: Final = "/docs"

_POLICY: Final = b"default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
_STATIC: Final[Mapping[str, str]] = {
    "docs.css": "text/css; charset=utf-8",
    "docs.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Document:
    """One resource as an ASGI application, for GET and HEAD."""

    content_type: str
    body: bytes
    etag: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "etag", b'"' + hashlib.sha256(self.body).hexdigest()[:32].encode() + b'"')

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the whole, or 304 to who has it already."""
        is_known = _names_tag(dict(scope["headers"]).get(b"if-none-match", b""), self.etag)
        headers = [
            (b"etag", self.etag),
            (b"cache-control", b"no-cache"),
            (b"content-security-policy", _POLICY),
            (b"referrer-policy", b"no-referrer"),
        ]
        if not is_known:
            headers.append((b"content-type", self.content_type.encode()))
            headers.append((b"content-length", str(len(self.body)).encode()))
        await send({"type": "http.response.start", "status": 304 if is_known else 200, "headers": headers})
        is_sent = not is_known and scope["method"] != "HEAD"
        await send({"type": "http.response.body", "body": self.body if is_sent else b""})


@dataclass(frozen=True, slots=True)
class Folder:
    """A path that ends in a slash: its own document, and a 404 for whatever below it is not a document."""

    index: Document
    hint: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the index. TranscodeError, a 404, for any other path."""
        if not scope["path"].endswith("/"):
            raise route_unknown(f"There is nothing at {scope['path'][:200]}. {self.hint}")
        await self.index(scope, receive, send)


def document_pages() -> dict[str, ASGIApp]:
    """The pages by path, all made from the description that ships with the gateway. They ask for no credential."""
    document = msgspec.json.decode(shipped_document())
    reasons = msgspec.convert(document[REASONS_MEMBER], tuple[Reason, ...])
    static = files("edge.pages").joinpath("static")
    reader = Document(HTML, static.joinpath("docs.html").read_bytes())
    pages: dict[str, ASGIApp] = {
        DESCRIPTION_PATH: Document(JSON, msgspec.json.encode(document)),
        READER_PATH: reader,
        f"{READER_PATH}/": Folder(reader, f"The pages begin at {READER_PATH}."),
    }
    for name, content_type in _STATIC.items():
        pages[f"{READER_PATH}/{name}"] = Document(content_type, static.joinpath(name).read_bytes())
    return pages | _error_pages(reasons)


def _error_pages(reasons: tuple[Reason, ...]) -> dict[str, ASGIApp]:
    index = Document(HTML, index_html(reasons).encode())
    pages: dict[str, ASGIApp] = {
        DOCS_PATH: Folder(index, f"{DOCS_PATH} lists every error reason."),
        DOCS_PATH.rstrip("/"): index,
        f"{DOCS_PATH}index.md": Document(MARKDOWN, index_markdown(reasons).encode()),
    }
    for reason in reasons:
        # Over gRPC the reason is told in upper case.
        pages[reason.docs_url] = pages[DOCS_PATH + reason.reason] = Document(HTML, reason_html(reason).encode())
        pages[f"{reason.docs_url}.md"] = Document(MARKDOWN, reason_markdown(reason).encode())
    return pages


def _names_tag(header: bytes, etag: bytes) -> bool:
    """Whether an If-None-Match header names the tag; weak tags count, as RFC 9110 says for it."""
    tags = [tag.strip().removeprefix(b"W/") for tag in header.split(b",")]
    return etag in tags or tags == [b"*"]
