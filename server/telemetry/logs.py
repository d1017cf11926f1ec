"""Structured logs: one line per event on stderr, as JSON or for human eyes.

Values come from callers and upstreams, so every line is made safe here, whoever writes it: fields that hold secrets are
blanked, and no control character survives that could break a line or drive a terminal. Records of the standard
library's loggers take the same way. A stream that takes no more (a full disk, a closed pipe) loses lines and fails
nobody. Nothing is configured at import.
"""

import asyncio
import logging
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
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
# As numbers: looking for a number is ten times as fast as looking for one byte.
_BACKSLASH = 0x5C
_DELETE = 0x7F
_TRACEBACK_KEY = "exception"
_LEADING_KEYS = ("timestamp", "level", "event")
# How a line of a call begins, and what stands before its request id and its latency.
_STAMP = '{"timestamp":"'
_REQUEST_ID = '"request_id":"'
_LATENCY = '"latency_ms":'
_MAX_DEPTH = 6
_PLAIN = (bool, int, float)
_NOT_SHOWN = "[nested too deep]"
_TOGETHER_S = 0.01
_ENCODER = msgspec.json.Encoder(enc_hook=repr)
# Hundredths as a float's own text has them.
_FRACTIONS = tuple(f"{number / 100}"[1:] for number in range(100))


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
    target: Any = _Unfailing(sys.stderr if stream is None else stream)
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


class _Unfailing:
    """A stream whose writer must go on when nothing can be written: what does not fit is lost."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes, or drops the text."""
        try:
            return self._stream.write(text)
        except (OSError, ValueError):
            return 0

    def flush(self) -> None:
        """Flushes what can be."""
        try:
            self._stream.flush()
        except (OSError, ValueError):
            return


class CallLine(msgspec.Struct):
    """A call that has ended: its line, field by field in their order. The logger says when."""

    timestamp: str
    level: str
    event: str
    request_id: str
    method: str
    code: str
    reason: str | None
    latency_ms: float
    surface: str
    client_request_id: str | None
    user_id: str | None
    workspace_id: str | None
    key_id: str | None

    @property
    def fields(self) -> dict[str, Any]:
        """What is told, by name."""
        return {name: getattr(self, name) for name in self.__struct_fields__[len(_LEADING_KEYS) :]}


class LineForm(msgspec.Struct, frozen=True):
    """What lines of calls have in common that differ in nothing but the moment, the request's id and the latency."""

    before: str
    between: str
    after: str


_Pending = str | CallLine | tuple[LineForm, str, float, int]


class LineLogger:
    """Writes lines of one kind for every request: what structlog would write, at a tenth of its cost.

    A line that may need anything but plain JSON (an escape, a secret's name, a traceback, another format) goes through
    structlog after all. Lines of the same few milliseconds go out together, in order; `flush` before the end. Uses what
    was configured when it was made.
    """

    def __init__(self, name: str) -> None:
        self._log: Any = structlog.get_logger(name)
        settings = structlog.get_config()
        self._is_plain = settings["processors"][-1] is render_json and logging.getLogger().isEnabledFor(logging.INFO)
        self._write = settings["logger_factory"]().msg
        self._pending: list[_Pending] = []
        self._timer: asyncio.TimerHandle | None = None
        self._second_s = -1
        self._second_text = ""

    def info(self, event: str, **fields: Any) -> None:
        """One line, level `info`."""
        line = _plain_line(self._moment(time.time_ns()), event, fields) if self._is_plain else None
        if line is None:
            self.flush()
            self._log.info(event, **fields)
            return
        self._pending.append(line)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_TOGETHER_S, self.flush)

    def call(self, line: CallLine) -> None:
        """The line of a call; made safe with those of the same moment."""
        if not self._is_plain:
            self._log.info(line.event, **line.fields)
            return
        line.timestamp = self._moment(time.time_ns())
        self._pending.append(line)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_TOGETHER_S, self.flush)

    def form_of(self, line: CallLine) -> LineForm | None:
        """What lines like that have in common; None where each has to be looked at."""
        data = _ENCODER.encode(msgspec.structs.replace(line, timestamp="", request_id="", latency_ms=0.0))
        if not self._is_plain or not _needs_nothing(data):
            return None
        before, name, rest = data.decode().removeprefix(_STAMP).partition(_REQUEST_ID)
        between, latency, after = rest.partition(_LATENCY)
        return LineForm(before + name, between + latency, after.removeprefix("0.0"))

    def well(self, form: LineForm, request_id: str, latency_ms: float) -> None:
        """The line of a call of that form; its id is our own, and has nothing that has to be made safe.

        It is written out with those of the same moment. The latency is rounded to hundredths.
        """
        self._pending.append((form, request_id, latency_ms, time.time_ns()))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_TOGETHER_S, self.flush)

    def _lines(self, pending: Sequence[_Pending]) -> list[str]:
        """What waits as lines."""
        fractions, lines, second, moment, known = _FRACTIONS, [], "", "", None
        for each in pending:
            if each.__class__ is not tuple:
                lines.append(_safe_line(each) if isinstance(each, CallLine) else str(each))
                continue
            form, request_id, latency_ms, unix_ns = each
            if form is not known:
                known, before, between, after = form, form.before, form.between, form.after
            digits = f"{unix_ns}"
            if digits[:-9] != second:
                second = digits[:-9]
                moment = f"{_STAMP}{self._second(int(second))}."
            # Numbers are put together from whole ones: rounding and writing a float takes six times as long.
            hundredths = round(latency_ms * 100.0)
            lines.append(
                f"{moment}{digits[-9:-3]}Z{before}{request_id}{between}"
                f"{hundredths // 100}{fractions[hundredths % 100]}{after}"
            )
        return lines

    def _second(self, unix_s: int) -> str:
        """A time as ISO 8601 has it, up to the second; written once a second."""
        if unix_s != self._second_s:
            self._second_s = unix_s
            self._second_text = datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return self._second_text

    def _moment(self, unix_ns: int) -> str:
        """The same with microseconds."""
        unix_s, rest_ns = divmod(unix_ns, 1_000_000_000)
        return f"{self._second(unix_s)}.{rest_ns // 1000:06d}Z"

    def error(self, event: str, **fields: Any) -> None:
        """One line, level `error`; seldom, so that it takes the long way."""
        self.flush()
        self._log.error(event, **fields)

    def flush(self) -> None:
        """Writes what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._pending:
            pending, self._pending = self._pending, []
            self._write("\n".join(self._lines(pending)))


def _plain_line(moment: str, event: str, fields: Mapping[str, Any]) -> str | None:
    """The line of `info` if nothing in it has to be made safe, else None."""
    if not _are_plain_names(tuple(fields)):
        return None
    line = _ENCODER.encode({"timestamp": moment, "level": "info", "event": event, **fields})
    return line.decode() if _needs_nothing(line) else None


def _needs_nothing(data: bytes) -> bool:
    """Whether nothing in lines of JSON has to be made safe."""
    return data.isascii() and _BACKSLASH not in data and _DELETE not in data and data.lower().find(b"earer ") < 0


def _safe_line(line: CallLine) -> str:
    """A line, made safe if it needs that."""
    data = _ENCODER.encode(line)
    if _needs_nothing(data):
        return data.decode()
    return render_json(None, line.level, make_safe(None, line.level, msgspec.structs.asdict(line)))


@lru_cache(maxsize=64)
def _are_plain_names(names: tuple[str, ...]) -> bool:
    return not any(is_secret(name) or name in _LEADING_KEYS or name.startswith("exc") for name in names)


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
