"""Opens what fetches pictures for providers that take only bytes, unless the operator does not want that."""

from server.settings import ServerSettings
from server.upstream.client import HttpTransport
from server.upstream.pictures import MAX_BYTES, Pictures


def open_pictures(settings: ServerSettings) -> Pictures | None:
    """What fetches pictures, under the same guard as providers are called; None where none are fetched."""
    if not settings.fetch_pictures:
        return None
    allows = settings.allow_private_upstreams
    return Pictures(HttpTransport(allow_private_upstreams=allows, max_body_bytes=MAX_BYTES), allows_http=allows)
