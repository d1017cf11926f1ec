"""Upstreams with a wire of their own, over real sockets: what they say is what stands in the golden folders.

Amazon's signature is checked with the vendor's own library. Bodies of streams are sent in pieces that end anywhere.
"""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.providers.test_golden import stream_of

GOLDEN = Path(__file__).parents[1] / "providers"
ACCESS_KEY_ID = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
PIECE_BYTES = 37


@dataclass(slots=True)
class Vendors:
    """The running upstreams, and the requests that came."""

    port: int = 0
    seen: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where they are; a vendor's base URL begins with it."""
        return f"http://127.0.0.1:{self.port}"

    def last(self) -> tuple[str, dict[str, str], Any]:
        """Path, headers in lower case and body of the last request."""
        return self.seen[-1]

    async def note(self, request: web.Request) -> bytes:
        """Remembers a request; gives its body."""
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append((request.raw_path, headers, json.loads(body or b"null")))
        return body


def is_signed(request: web.Request, body: bytes) -> bool:
    """Whether the signature is the one that the vendor's library makes of what arrived."""
    given = request.headers.get("Authorization", "")
    signed_names = given.partition("SignedHeaders=")[2].partition(",")[0].split(";")
    headers = {name: request.headers[name] for name in signed_names}
    asked = AWSRequest(request.method, f"http://{request.host}{request.raw_path}", headers, body)
    asked.context["timestamp"] = request.headers["X-Amz-Date"]
    auth = SigV4Auth(Credentials(ACCESS_KEY_ID, SECRET), "bedrock", "eu-central-1")
    canonical = auth.canonical_request(asked)
    auth._inject_signature_to_request(asked, auth.signature(auth.string_to_sign(asked, canonical), asked))
    return bool(asked.headers["Authorization"] == given)


async def streamed(request: web.Request, body: bytes, content_type: str) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": content_type})
    await response.prepare(request)
    for start in range(0, len(body), PIECE_BYTES):
        await response.write(body[start : start + PIECE_BYTES])
    await response.write_eof()
    return response


def whole(name: str) -> web.Response:
    return web.json_response(text=(GOLDEN / name / "response.json").read_text())


def application(vendors: Vendors) -> web.Application:
    async def bedrock(request: web.Request) -> web.StreamResponse:
        body = await vendors.note(request)
        if not is_signed(request, body):
            error = {"x-amzn-errortype": "InvalidSignatureException"}
            return web.json_response({"message": "The signature does not match."}, status=403, headers=error)
        if request.raw_path.endswith("/converse-stream"):
            return await streamed(request, stream_of("bedrock"), "application/vnd.amazon.eventstream")
        return whole("bedrock")

    async def responses(request: web.Request) -> web.StreamResponse:
        body = json.loads(await vendors.note(request))
        if body.get("stream"):
            return await streamed(request, stream_of("openai-responses"), "text/event-stream")
        return whole("openai-responses")

    async def models(request: web.Request) -> web.StreamResponse:
        body = await vendors.note(request)
        is_allowed = is_signed(request, body) if "X-Amz-Date" in request.headers else True
        return web.json_response({"data": []}, status=200 if is_allowed else 403)

    made = web.Application()
    made.router.add_post("/bedrock/model/{model}/{verb}", bedrock)
    made.router.add_get("/bedrock/foundation-models", models)
    made.router.add_post("/openai/v1/responses", responses)
    return made


@contextlib.asynccontextmanager
async def running_vendors() -> AsyncIterator[Vendors]:
    """Runs them until the block ends."""
    vendors = Vendors()
    runner = web.AppRunner(application(vendors))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        vendors.port = runner.addresses[0][1]
        yield vendors
    finally:
        await runner.cleanup()
