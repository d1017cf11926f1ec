"""Log lines."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from edge.logs import configure


@pytest.fixture(autouse=True)
def _root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_line_is_one_json_object_where_nobody_watches() -> None:
    stream = io.StringIO()
    configure("info", "auto", stream)
    logging.getLogger("edge.calls").warning("It broke: %s", "why")
    logging.getLogger("edge.calls").debug("unseen")
    line = json.loads(stream.getvalue())
    assert (line["event"], line["level"], line["logger"]) == ("It broke: why", "warning", "edge.calls")
    assert line["timestamp"].endswith("Z")


def test_an_exception_stays_within_its_line() -> None:
    stream = io.StringIO()
    configure("error", "json", stream)
    try:
        raise LookupError("inside")
    except LookupError:
        logging.getLogger("edge").exception("It broke")
    assert "LookupError: inside" in json.loads(stream.getvalue())["exception"]


def test_people_get_text() -> None:
    stream = io.StringIO()
    configure("debug", "console", stream)
    logging.getLogger("edge").debug("hello")
    assert "hello" in stream.getvalue()
    assert not stream.getvalue().startswith("{")
