"""How a process is made small before it imports: imports that nothing uses left out, and malloc held to what is in use.

Called first of all by the commands that serve. What is left out is left out of the one import that would bring it, so
that whoever imports it by itself still gets it. Sizes were measured on Linux with CPython 3.11. It knows nobody who
serves.
"""

import ctypes
import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
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
_GIVE_BACK_EVERY_S: Final = 10.0
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
# Imported by whoever copies files, to see whether they are there; each has a compiled half of its own.
_PACKERS: Final = ("bz2", "lzma")
# By `import *`, and by whoever looks whether a package is recent enough for what it imports next.
_ASKED_FIRST: Final = frozenset({"__all__", "__version__"})


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


def give_back_often(call_later: Callable[[float, Callable[[], None]], object]) -> None:
    """Has glibc's malloc give back what is free between what is in use too, every ten seconds that a loop runs.

    Large bodies leave some MiB of it. It takes 60 us where there is nothing, and 1.2 ms for 3 MiB.
    """
    trim: Any = getattr(ctypes.CDLL(None), "malloc_trim", None)

    def give_back() -> None:
        trim(0)
        call_later(_GIVE_BACK_EVERY_S, give_back)

    if trim is not None:
        call_later(_GIVE_BACK_EVERY_S, give_back)


def import_logs() -> None:
    """Imports the package of logs without rich, with which it would paint tracebacks, and what it looks for in vain."""
    for name in _PACKERS:
        if importlib.util.find_spec(f"_{name}") is not None:
            deferred(name)
    with without("rich"):
        importlib.import_module("structlog")


def defer_seldom_used() -> None:
    """Leaves for their first use what others import and hardly anybody uses."""
    for name in _AT_FIRST_USE:
        deferred(name)


def import_http() -> None:
    """Imports the HTTP server without its command, which the part of it that has nothing to start up would import."""
    import_part(_HTTP, "config", "Config")


def import_part(package: str, part: str, *names: str) -> None:
    """Imports a module of a package without what the package imports, and gives the package what it has of it."""
    deferring = deferred(package)
    if deferring is not None:
        module = importlib.import_module(f"{package}.{part}")
        for name in names:
            setattr(deferring, name, getattr(module, name))


@contextmanager
def without(name: str) -> Iterator[None]:
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


def deferred(name: str) -> ModuleType | None:
    """A module whose own code runs when something of it is asked for; modules of a package can be imported before.

    None if it was imported before, or is not installed.
    """
    spec = None if name in sys.modules else importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        return None
    loader, module = spec.loader, importlib.util.module_from_spec(spec)
    is_package = spec.submodule_search_locations is not None

    def rest(member: str) -> object:
        is_told = member.startswith("__") and member not in _ASKED_FIRST
        if is_told or (is_package and importlib.util.find_spec(f"{name}.{member}") is not None):
            raise AttributeError(member)
        del module.__dict__["__getattr__"]
        try:
            loader.exec_module(module)
        except ImportError:  # a module of it that is being imported itself: what asks next finds it whole
            module.__dict__["__getattr__"] = rest
            raise
        return getattr(module, member)

    module.__dict__["__getattr__"] = rest
    sys.modules[name] = module
    package, _, last = name.rpartition(".")
    if package:
        setattr(sys.modules[package], last, module)
    return module
