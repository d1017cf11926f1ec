"""Pictures by address, fetched for providers that take only bytes.

The addresses come from callers, so that they are dialled under the same guard as providers': a name is looked up once,
each of its addresses is judged, and the judged one is dialled. Redirects are not followed, no credential or cookie goes
along, and bytes, time and number are bounded. What is fetched has to be a picture by its first bytes.
"""

import asyncio
import base64
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Raw, structs

from server.chat.media import sniff
from server.chat.request import ChatRequest, parse_chat_request
from server.chat.wire import Timeouts, Transport, WireRequest
from server.errors import ParamUnsupported, PerpetuoError

MAX_BYTES: Final = 5 * 1024 * 1024
"""Of one picture."""

MAX_PICTURES: Final = 20
MAX_S: Final = 10.0
"""For all pictures of a request together."""

_KINDS: Final = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_SNIFFED_BYTES: Final = 48
_WHY: Final = {
    "UPSTREAM_BLOCKED": "its address is not one that is called",
    "UPSTREAM_TIMEOUT": "it took too long",
    "UPSTREAM_DNS": "its host is unknown",
    "UPSTREAM_TLS": "its server is not trusted",
}
_log: Final = logging.getLogger(__name__)

Fetch = Callable[[ChatRequest, float], Awaitable[ChatRequest]]
"""A request, and the seconds that are left for it, to the same with its pictures in it."""


class Pictures:
    """Fetches over `transport`, whose bodies end at `MAX_BYTES`; plain http only where `allows_http`."""

    def __init__(self, transport: Transport, *, allows_http: bool = False) -> None:
        self._transport = transport
        self._schemes = ("https", "http") if allows_http else ("https",)

    async def fetched(self, request: ChatRequest, left_s: float) -> ChatRequest:
        """The request with the bytes of its pictures in the place of their addresses.

        Raises ParamUnsupported for one that cannot be had, so that whoever takes addresses is asked.
        """
        messages = msgspec.json.decode(request.members["messages"])
        places = list(_places(messages))
        if len(places) > MAX_PICTURES:
            raise _refused(places[MAX_PICTURES][1], f"more than {MAX_PICTURES} are not fetched")
        urls = {image["url"]: path for image, path in places}
        try:
            async with asyncio.timeout(min(MAX_S, left_s)):
                found = await asyncio.gather(*(self._fetched(url, path) for url, path in urls.items()))
        except TimeoutError:
            raise _refused(places[0][1], "it took too long") from None
        data_urls = dict(zip(urls, found, strict=True))
        for image, _ in places:
            image["url"] = data_urls[image["url"]]
        raw = msgspec.json.encode(messages)
        view = parse_chat_request(b'{"messages":' + raw + b"}").view
        made = structs.replace(request.view, messages=view.messages)
        return structs.replace(request, view=made, parsed={**request.members, "messages": Raw(raw)})

    async def close(self) -> None:
        """Closes its connections."""
        await self._transport.close()

    async def _fetched(self, url: str, path: str) -> str:
        """A picture as a `data:` URL."""
        parts = urlsplit(url)
        if parts.scheme.lower() not in self._schemes or not parts.hostname or "@" in parts.netloc:
            raise _refused(path, "its address is not one that is called")
        request = WireRequest("GET", url, {"Accept": ", ".join(sorted(_KINDS))}, b"")
        limits = Timeouts(connect_s=3.0, first_byte_s=MAX_S, idle_s=5.0, total_s=MAX_S)
        try:
            response = await self._transport.send(request, limits)
            try:
                if response.status != 200:
                    raise _refused(path, f"its server answered {response.status}")
                body = await response.read()
            finally:
                await response.close()
        except ParamUnsupported:
            raise
        except PerpetuoError as error:
            raise _refused(path, self._why(error)) from None
        kind = sniff(base64.b64encode(body[:_SNIFFED_BYTES]).decode())
        if kind not in _KINDS:
            raise _refused(path, "it is no PNG, JPEG, GIF or WebP")
        return f"data:{kind};base64,{base64.b64encode(body).decode()}"

    def _why(self, error: PerpetuoError) -> str:
        if error.reason == "UPSTREAM_BLOCKED":
            _log.warning("security event: the address of a picture is not one that may be called")
        if "limitBytes" in error.details:
            return f"it is larger than {MAX_BYTES // (1024 * 1024)} MiB"
        return _WHY.get(error.reason, "its server did not answer")


def _places(messages: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], str]]:
    """The pictures that are addresses, each with the path of its own."""
    for number, message in enumerate(messages):
        content = message.get("content")
        for place, part in enumerate(content if isinstance(content, list) else ()):
            image = part.get("image_url")
            if isinstance(image, dict) and image.get("url", "")[:4].lower() == "http":
                yield image, f"messages[{number}].content[{place}].image_url.url"


def _refused(path: str, why: str) -> ParamUnsupported:
    message = f"The provider takes only the bytes of pictures, and that of '{path}' cannot be fetched: {why}."
    return ParamUnsupported(f"{message} Send it as a data URL.", param=path)
