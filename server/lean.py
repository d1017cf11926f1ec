"""What a process that serves leaves out to be small: imports that nothing uses, and room that malloc sets aside.

Called first of all by the commands that serve. What is left out is left out of the one import that would bring it, so
that whoever imports it by itself still gets it. Sizes were measured on Linux with CPython 3.11.
"""

import ctypes
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final

_MIB: Final = 1024 * 1024
# What malloc.h calls M_ARENA_MAX, M_MMAP_THRESHOLD and M_TRIM_THRESHOLD, and what mallopt(3) says of them.
_MALLOC: Final = (
    ("MALLOC_ARENA_MAX", -8, 1),
    ("MALLOC_MMAP_THRESHOLD_", -3, _MIB),
    ("MALLOC_TRIM_THRESHOLD_", -1, _MIB),
)
_ASYNCIO: Final = "sqlalchemy.ext.asyncio"
_PRICES: Final = "genai_prices"
_TOKENS: Final = "jwt"
_HTTP: Final = "uvicorn"
# Imported for what never happens here, or seldom: messages of protobuf without its native half, pages with tracebacks,
# packages in archives, logging by a file, a client and phrases of HTTP, names that are like another.
_AT_FIRST_USE: Final = (
    "google.protobuf.internal.python_message",
    "html",
    "zipfile",
    "logging.config",
    "http.client",
    "difflib",
)


def spare_memory() -> None:
    """Has glibc's malloc keep one arena for all threads, and give back what is large, or free at the end of it.

    With an arena for each thread some 20 MiB stay reserved under load; Python's threads allocate one at a time in any
    case. By itself malloc learns from the 19 MiB of the first hash of a password to keep as much ever after. What an
    operator set by variables of the environment stays as it is, and so does another C library. To be called before
    there is a second thread.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    for variable, option, value in _MALLOC:
        if variable not in os.environ:
            mallopt(option, value)


def import_lean() -> None:
    """Imports packages without what they bring along and the gateway never uses, 18 MiB together.

    Those are rich, with which structlog would paint tracebacks; the public-key half of cryptography, for tokens that
    are signed with one key here, and the HTTP client that would fetch others; SQLAlchemy's object mapper beside its
    asynchronous engine; the HTTP client with which the package of prices would fetch newer ones; and uvicorn's command.
    """
    import_logs()
    for name in _AT_FIRST_USE:
        _deferred(name)
    _deferred(_TOKENS)
    with _without("cryptography"):
        importlib.import_module(f"{_TOKENS}.api_jwt")
    _import_engine_alone()
    _deferred(_PRICES)
    _import_server_alone()


def import_logs() -> None:
    """The first of these alone, for a process that serves nothing itself."""
    with _without("rich"):
        importlib.import_module("structlog")


@contextmanager
def _without(name: str) -> Iterator[None]:
    """As if a package were not installed."""
    modules: dict[str, Any] = sys.modules
    is_there, kept = name in modules, modules.get(name)
    modules[name] = None
    try:
        yield
    finally:
        del modules[name]
        if is_there:
            modules[name] = kept


def _import_engine_alone() -> None:
    """Imports the engine of SQLAlchemy's asyncio package, without its sessions."""
    package = _deferred(_ASYNCIO)
    if package is not None:
        engine: ModuleType = importlib.import_module(f"{_ASYNCIO}.engine")
        for name in ("AsyncConnection", "AsyncEngine", "create_async_engine"):
            setattr(package, name, getattr(engine, name))


def _import_server_alone() -> None:
    """Imports uvicorn without its command, which the part of it that has nothing to start up would import."""
    package = _deferred(_HTTP)
    if package is not None:
        config: ModuleType = importlib.import_module(f"{_HTTP}.config")
        package.__dict__["Config"] = config.Config


def _deferred(name: str) -> ModuleType | None:
    """A module whose own code runs when something of it is asked for; modules of a package can be imported before.

    None if it was imported before, or is not installed.
    """
    spec = None if name in sys.modules else importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        return None
    loader, module = spec.loader, importlib.util.module_from_spec(spec)
    is_package = spec.submodule_search_locations is not None

    def rest(member: str) -> object:
        is_told = member.startswith("__") and member != "__all__"  # of which `import *` asks first
        if is_told or (is_package and importlib.util.find_spec(f"{name}.{member}") is not None):
            raise AttributeError(member)
        del module.__dict__["__getattr__"]
        loader.exec_module(module)
        return getattr(module, member)

    module.__dict__["__getattr__"] = rest
    sys.modules[name] = module
    package, _, last = name.rpartition(".")
    if package:
        setattr(sys.modules[package], last, module)
    return module
