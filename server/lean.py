"""What a core leaves out to be small, beside what every process that serves does, see `options.lean`."""

import importlib
from types import ModuleType
from typing import Final

from options.lean import defer_seldom_used, deferred, import_logs, without

_ASYNCIO: Final = "sqlalchemy.ext.asyncio"
_PRICES: Final = "genai_prices"
_TOKENS: Final = "jwt"


def import_lean() -> None:
    """Imports packages without what they bring along and the gateway never uses, 17 MiB together.

    Those are rich, with which structlog would paint tracebacks; the public-key half of cryptography, for tokens that
    are signed with one key here, and the HTTP client that would fetch others; SQLAlchemy's object mapper beside its
    asynchronous engine; and the HTTP client with which the package of prices would fetch newer ones.
    """
    import_logs()
    defer_seldom_used()
    deferred(_TOKENS)
    with without("cryptography"):
        importlib.import_module(f"{_TOKENS}.api_jwt")
    _import_engine_alone()
    deferred(_PRICES)


def _import_engine_alone() -> None:
    """Imports the engine of SQLAlchemy's asyncio package, without its sessions."""
    package = deferred(_ASYNCIO)
    if package is not None:
        engine: ModuleType = importlib.import_module(f"{_ASYNCIO}.engine")
        for name in ("AsyncConnection", "AsyncEngine", "create_async_engine"):
            setattr(package, name, getattr(engine, name))
