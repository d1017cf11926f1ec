"""Documents that are made when first asked for and sent as they are, with an ETag, and the paths that show them.

Nothing here is fetched from elsewhere and no page may fetch from elsewhere: the content security policy says so.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files
from typing import Final

import msgspec
from msgspec import Struct
from starlette.types import ASGIApp, Receive, Scope, Send

from edge.description import REASONS_MEMBER, shipped_document
from edge.errors import DOCS_PATH
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


class LateDocument:
    """A document that is made when somebody first asks for it: most are never asked for."""

    __slots__ = ("_content_type", "_document", "_make")

    def __init__(self, content_type: str, make: Callable[[], str | bytes]) -> None:
        self._content_type = content_type
        self._make = make
        self._document: Document | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the document."""
        if self._document is None:
            made = self._make()
            self._document = Document(self._content_type, made.encode() if isinstance(made, str) else made)
        await self._document(scope, receive, send)


class _Description(msgspec.Struct, frozen=True):
    """What of the description is needed to tell which pages there are."""

    reasons: tuple[Reason, ...] = msgspec.field(name=REASONS_MEMBER)


class Folder(Struct, frozen=True):
    """A path that ends in a slash: its own document, and a 404 for whatever below it is not a document."""

    index: LateDocument
    hint: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the index. TranscodeError, a 404, for any other path."""
        if not scope["path"].endswith("/"):
            raise route_unknown(f"There is nothing at {scope['path'][:200]}. {self.hint}")
        await self.index(scope, receive, send)


def document_pages() -> dict[str, ASGIApp]:
    """The pages by path, all made from the description that ships with the gateway. They ask for no credential."""
    reasons = msgspec.json.decode(shipped_document(), type=_Description).reasons
    static = files("edge.pages").joinpath("static")
    reader = LateDocument(HTML, static.joinpath("docs.html").read_bytes)
    pages: dict[str, ASGIApp] = {
        DESCRIPTION_PATH: LateDocument(JSON, _description),
        READER_PATH: reader,
        f"{READER_PATH}/": Folder(reader, f"The pages begin at {READER_PATH}."),
    }
    for name, content_type in _STATIC.items():
        pages[f"{READER_PATH}/{name}"] = LateDocument(content_type, static.joinpath(name).read_bytes)
    return pages | _error_pages(reasons)


def _description() -> bytes:
    return msgspec.json.format(shipped_document(), indent=-1)


def _error_pages(reasons: tuple[Reason, ...]) -> dict[str, ASGIApp]:
    index = LateDocument(HTML, partial(index_html, reasons))
    pages: dict[str, ASGIApp] = {
        DOCS_PATH: Folder(index, f"{DOCS_PATH} lists every error reason."),
        DOCS_PATH.rstrip("/"): index,
        f"{DOCS_PATH}index.md": LateDocument(MARKDOWN, partial(index_markdown, reasons)),
    }
    for reason in reasons:
        # Over gRPC the reason is told in upper case.
        page = LateDocument(HTML, partial(reason_html, reason))
        pages[reason.docs_url] = pages[DOCS_PATH + reason.reason] = page
        pages[f"{reason.docs_url}.md"] = LateDocument(MARKDOWN, partial(reason_markdown, reason))
    return pages


def _names_tag(header: bytes, etag: bytes) -> bool:
    """Whether an If-None-Match header names the tag; weak tags count, as RFC 9110 says for it."""
    tags = [tag.strip().removeprefix(b"W/") for tag in header.split(b",")]
    return etag in tags or tags == [b"*"]
