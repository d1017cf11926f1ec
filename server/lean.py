"""What a core leaves out to be small, beside what every process that serves does, see `options.lean`."""

import importlib
from typing import Final

from options.lean import defer_seldom_used, deferred, import_logs, import_part, without

_ASYNCIO: Final = "sqlalchemy.ext.asyncio"
_MATCHER: Final = "pydantic_core"
_PRICES: Final = "genai_prices"
_TOKENS: Final = "jwt"


def import_lean() -> None:
    """Imports packages without what they bring along and the gateway never uses, 18 MiB together.

    Those are rich, with which structlog would paint tracebacks; the public-key half of cryptography, for tokens that
    are signed with one key here, and the HTTP client that would fetch others; SQLAlchemy's object mapper beside its
    asynchronous engine; the types by which pydantic's schemas are written; and the HTTP client with which the package
    of prices would fetch newer ones.
    """
    import_logs()
    defer_seldom_used()
    deferred(_TOKENS)
    with without("cryptography"):
        importlib.import_module(f"{_TOKENS}.api_jwt")
    import_part(_ASYNCIO, "engine", "AsyncConnection", "AsyncEngine", "create_async_engine")
    import_part(_MATCHER, f"_{_MATCHER}", "SchemaValidator")
    deferred(_PRICES)
