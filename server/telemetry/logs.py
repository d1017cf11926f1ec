"""Structured logs: one line per event on stderr, as JSON or for human eyes.

Values come from callers and upstreams, so every line is made safe here, whoever writes it: fields that hold secrets are
blanked, and no control character survives that could break a line or drive a terminal. Records of the standard
library's loggers take the same way. Nothing is configured at import.
"""

import logging
import sys
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from typing import Any, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

REDACTED = "[redacted]"

_SECRET_PARTS = ("authorization", "password", "passwd", "secret", "credential", "cookie", "apikey", "api_key")
_SECRET_ENDS = ("token", "_key_material")
_BEARER = "bearer "
_TRACEBACK_KEY = "exception"
_LEADING_KEYS = ("timestamp", "level", "event")
_MAX_DEPTH = 6
_PLAIN = (bool, int, float)
_NOT_SHOWN = "[nested too deep]"


class LogFormat(Enum):
    """How a line looks."""

    JSON = "json"
    CONSOLE = "console"


def log_format(name: str) -> LogFormat:
    """The form of that name; `auto` is for human eyes on a terminal, else JSON."""
    if name == "auto":
        return LogFormat.CONSOLE if sys.stderr.isatty() else LogFormat.JSON
    return LogFormat(name)


def configure(form: LogFormat, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Sets up structlog and the standard library's root logger; call it once, at start.

    `level` is one of DEBUG, INFO, WARNING, ERROR; anything else raises ValueError. `stream` is stderr by default.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"log level {level!r} is none of DEBUG, INFO, WARNING, ERROR")
    target = sys.stderr if stream is None else stream
    renderer = _renderer(form)
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, *_shared_processors(), renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=target),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *_shared_processors()],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=number, force=True)


def _shared_processors() -> list[Processor]:
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        make_safe,
    ]


def _renderer(log_format: LogFormat) -> Processor:
    if log_format is LogFormat.CONSOLE:
        return structlog.dev.ConsoleRenderer(colors=False, sort_keys=False, exception_formatter=_write_traceback)
    return render_json


def _write_traceback(file: TextIO, exc_info: Any) -> None:
    file.write("\n")
    structlog.dev.plain_traceback(file, exc_info)


def render_json(logger: WrappedLogger, method_name: str, event_dict: EventDict) -> str:
    """One JSON object; what JSON cannot say is written as its repr."""
    leading = {key: event_dict.pop(key) for key in _LEADING_KEYS if key in event_dict}
    return msgspec.json.encode({**leading, **event_dict}, enc_hook=repr).decode()


def make_safe(logger: WrappedLogger, method_name: str, event_dict: EventDict) -> EventDict:
    """Blanks secrets and control characters in all fields, nested ones too; a traceback keeps its lines."""
    made: EventDict = {key: REDACTED if is_secret(key) else _safe(value, 0) for key, value in event_dict.items()}
    if _TRACEBACK_KEY in event_dict:
        lines = str(event_dict[_TRACEBACK_KEY]).split("\n")
        made[_TRACEBACK_KEY] = "\n".join([_safe_text(line) for line in lines])
    return made


@lru_cache(maxsize=1024)
def is_secret(key: str) -> bool:
    """Says whether a field of that name would hold a secret; remembers, as names come from our own code."""
    name = key.lower().replace("-", "_")
    return name.endswith(_SECRET_ENDS) or any(part in name for part in _SECRET_PARTS)


def _safe(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, _PLAIN):
        return value
    if isinstance(value, str):
        return _safe_text(value)
    if isinstance(value, bytes):
        return _safe_text(value.decode("utf-8", "backslashreplace"))
    if depth >= _MAX_DEPTH:
        return _NOT_SHOWN
    if isinstance(value, Mapping):
        return {
            _safe_text(str(key)): REDACTED if is_secret(str(key)) else _safe(each, depth + 1)
            for key, each in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [_safe(each, depth + 1) for each in value]
    return _safe_text(repr(value))


def _safe_text(text: str) -> str:
    if text[: len(_BEARER)].lower() == _BEARER:
        return REDACTED
    if text.isprintable():
        return text
    return "".join([each if each.isprintable() else _escaped(each) for each in text])


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
