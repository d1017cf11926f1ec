"""Log lines of the edge on standard error: one JSON object a line, or text for people.

For the edge in a process of its own; where it shares one, the process's owner decides. No line holds a header or a
body.
"""

import logging
import sys
from typing import Any, Literal, TextIO

import msgspec
import structlog

LogFormat = Literal["auto", "json", "console"]


def configure(level: str, form: LogFormat, stream: TextIO = sys.stderr) -> None:
    """Replaces the handlers of the root logger; `auto` is text on a terminal and JSON elsewhere."""
    is_console = form == "console" or (form == "auto" and stream.isatty())
    renderer = structlog.dev.ConsoleRenderer(colors=stream.isatty()) if is_console else _json_renderer()
    before: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    after: list[structlog.typing.Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if not is_console:
        after.append(structlog.processors.format_exc_info)
    handler = logging.StreamHandler(stream)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=before, processors=[*after, renderer]))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())


def _json_renderer() -> structlog.processors.JSONRenderer:
    def dump(line: Any, **_: Any) -> str:
        return msgspec.json.encode(line, enc_hook=str).decode()

    return structlog.processors.JSONRenderer(serializer=dump)
