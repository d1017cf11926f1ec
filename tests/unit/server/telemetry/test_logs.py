"""A line is one line, holds no secret, and drives no terminal."""

import asyncio
import io
import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import structlog

from server.telemetry.logs import REDACTED, CallLine, LineLogger, LogFormat, configure, is_secret, make_safe

NASTY = {
    "a line end": "a\nb",
    "a carriage return": "a\rb",
    "a terminal's escape": "a\x1b[31mb",
    "a delete": "a\x7fb",
    "an old control character": "a\x9bb",
    "a line separator": "a\N{LINE SEPARATOR}b",
    "a change of direction": "a\N{RIGHT-TO-LEFT OVERRIDE}b",
    "a zero byte": "a\x00b",
}


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    """Leaves logging as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines_of(log_format: LogFormat, level: str, write: Any) -> list[str]:
    stream = io.StringIO()
    configure(log_format, level, stream)
    write(structlog.get_logger())
    return stream.getvalue().splitlines()


def as_json(write: Any, level: str = "INFO") -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines_of(LogFormat.JSON, level, write)]


def test_a_json_line_leads_with_time_level_and_event() -> None:
    (line,) = as_json(lambda log: log.info("call", status=200, ratio=0.5, is_stream=True, nothing=None))
    assert list(line)[:3] == ["timestamp", "level", "event"]
    assert line["timestamp"].endswith("Z")
    assert {key: line[key] for key in ("level", "event", "status", "ratio", "is_stream", "nothing")} == {
        "level": "info",
        "event": "call",
        "status": 200,
        "ratio": 0.5,
        "is_stream": True,
        "nothing": None,
    }


@pytest.mark.parametrize("log_format", LogFormat)
@pytest.mark.parametrize("name", NASTY)
def test_a_value_cannot_break_its_line_with(log_format: LogFormat, name: str) -> None:
    lines = lines_of(log_format, "INFO", lambda log: log.info("call", value=NASTY[name]))
    assert len(lines) == 1
    assert lines[0].isprintable()


@pytest.mark.parametrize("name", NASTY)
def test_an_event_cannot_break_its_line_with(name: str) -> None:
    assert all(line.isprintable() for line in lines_of(LogFormat.CONSOLE, "INFO", lambda log: log.info(NASTY[name])))


def test_nested_values_are_made_safe_too() -> None:
    (line,) = as_json(lambda log: log.info("call", outer={"k\n": ["a\x1b", ("b", b"c\xff")]}))
    assert line["outer"] == {"k\\n": ["a\\x1b", ["b", "c\\xff"]]}


def test_what_json_cannot_say_is_written_as_its_repr() -> None:
    (line,) = as_json(lambda log: log.info("call", odd=object))
    assert line["odd"] == repr(object)


def test_values_nested_without_end_are_cut() -> None:
    endless: list[Any] = []
    endless.append(endless)
    (line,) = as_json(lambda log: log.info("call", endless=endless))
    assert "nested too deep" in json.dumps(line)


@pytest.mark.parametrize(
    "key",
    [
        "authorization",
        "Authorization",
        "proxy-authorization",
        "api_key",
        "x-api-key",
        "apiKey",
        "provider_api_key",
        "password",
        "new_password",
        "token",
        "access_token",
        "client_secret",
        "credential",
        "set-cookie",
    ],
)
def test_a_field_that_would_hold_a_secret_is_blanked(key: str) -> None:
    assert is_secret(key)
    assert make_safe(None, "info", {key: "s3cret", "nested": {key: "s3cret"}}) == {
        key: REDACTED,
        "nested": {key: REDACTED},
    }


@pytest.mark.parametrize("key", ["input_tokens", "key_id", "token_id", "tokens", "max_tokens", "author", "path"])
def test_a_field_that_only_sounds_like_one_is_kept(key: str) -> None:
    assert make_safe(None, "info", {key: "plain"}) == {key: "plain"}


def test_a_bearer_token_is_blanked_wherever_it_stands() -> None:
    assert make_safe(None, "info", {"header": "Bearer abc"}) == {"header": REDACTED}


def test_a_traceback_is_logged_with_its_lines() -> None:
    def write(log: Any) -> None:
        try:
            raise ValueError("boom\x1b[31m")
        except ValueError as error:
            log.error("failed", exc_info=error)

    (line,) = as_json(write)
    assert line["exception"].splitlines()[0] == "Traceback (most recent call last):"
    assert line["exception"].splitlines()[-1] == "ValueError: boom\\x1b[31m"


def test_a_level_silences_what_is_below_it() -> None:
    def write(log: Any) -> None:
        log.info("quiet")
        log.warning("loud")
        logging.getLogger("library").info("quiet")
        logging.getLogger("library").warning("loud")

    assert [line["event"] for line in as_json(write, "warning")] == ["loud", "loud"]


def test_the_standard_library_takes_the_same_way() -> None:
    def write(log: Any) -> None:
        logging.getLogger("library").warning("went %s", "wrong\nhere")

    (line,) = as_json(write)
    assert (line["event"], line["level"], line["logger"]) == ("went wrong\\nhere", "warning", "library")


def test_context_variables_are_part_of_the_line() -> None:
    def write(log: Any) -> None:
        with structlog.contextvars.bound_contextvars(request_id="req_1"):
            log.info("call")

    (line,) = as_json(write)
    assert line["request_id"] == "req_1"


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="'LOUD' is none of"):
        configure(LogFormat.JSON, "LOUD")


LINES: dict[str, dict[str, Any]] = {
    "plain values": {"status": 200, "latency_ms": 1.25, "reason": None, "method": "/a.B/C", "is_stream": True},
    "quotes and backslashes": {"path": 'a"b\\c'},
    "letters beyond ASCII": {"name": "Zoë"},
    "a secret's name": {"password": "s3cret"},
    "a bearer token": {"header": "Bearer abc"},
    "a bearer token in lower case": {"header": "bearer abc"},
    "a field that stands elsewhere": {"timestamp": "never", "level": "odd"},
    "what JSON cannot say": {"odd": object},
    **{f"text with {name}": {"value": text} for name, text in NASTY.items()},
}


async def quick_line(fields: dict[str, Any], level: str = "INFO") -> list[str]:
    stream = io.StringIO()
    configure(LogFormat.JSON, level, stream)
    log = LineLogger("access")
    log.info("call", **fields)
    log.flush()
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("fields", LINES.values(), ids=LINES)
async def test_the_quick_way_writes_the_same_line_for(fields: dict[str, Any]) -> None:
    (slow,) = lines_of(LogFormat.JSON, "INFO", lambda log: log.info("call", **fields))
    (quick,) = await quick_line(fields)
    if "timestamp" not in fields:
        assert {**json.loads(slow), "timestamp": ""} == {**json.loads(quick), "timestamp": ""}
        assert list(json.loads(slow)) == list(json.loads(quick))
        assert len(json.loads(quick)["timestamp"]) == len(json.loads(slow)["timestamp"])
    assert quick.isprintable()
    assert not ({"s3cret", "abc"} & set(quick.replace('"', " ").replace("'", " ").split()))


def test_the_quick_way_writes_for_human_eyes_too() -> None:
    (line,) = lines_of(LogFormat.CONSOLE, "INFO", lambda _: LineLogger("access").info("call", status=200))
    assert "call" in line
    assert "status=200" in line


async def test_the_quick_way_heeds_the_level_too() -> None:
    assert await quick_line({}, "WARNING") == []


async def test_lines_of_one_moment_go_out_together_and_in_order() -> None:
    writes: list[str] = []

    class Counting(io.StringIO):
        def write(self, text: str) -> int:
            writes.append(text)
            return len(text)

    configure(LogFormat.JSON, "INFO", Counting())
    log = LineLogger("access")
    for number in range(3):
        log.info("call", number=number)
    assert writes == []
    while not writes:
        await asyncio.sleep(0)
    assert [json.loads(line)["number"] for line in "".join(writes).splitlines()] == [0, 1, 2]
    assert len(writes) <= 2
    log.info("call", number=3)
    log.error("call failed", number=4)
    assert [json.loads(line)["number"] for line in "".join(writes).splitlines()] == [0, 1, 2, 3, 4]


def test_a_defect_keeps_its_traceback_on_the_quick_way() -> None:
    (line,) = as_json(lambda _: LineLogger("access").error("call failed", exc_info=ValueError("boom")))
    assert (line["level"], line["exception"]) == ("error", "ValueError: boom")


class Full(io.StringIO):
    """A disk without room."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("log_format", LogFormat)
async def test_a_line_that_cannot_be_written_fails_nobody(log_format: LogFormat) -> None:
    configure(log_format, "INFO", Full())
    structlog.get_logger().info("call")
    log = LineLogger("access")
    log.info("call")
    log.flush()
    logging.getLogger("library").warning("went wrong")


def call_line(client_request_id: str | None = None) -> CallLine:
    return CallLine(
        timestamp="",
        level="info",
        event="call",
        request_id="req_1",
        method="/a.B/C",
        code="OK",
        reason=None,
        latency_ms=1.25,
        surface="rest",
        client_request_id=client_request_id,
        user_id="usr_1",
        workspace_id="ws_1",
        key_id=None,
    )


def call_lines(log_format: LogFormat, level: str, *ids: str | None) -> list[str]:
    stream = io.StringIO()

    async def write() -> None:
        configure(log_format, level, stream)
        log = LineLogger("access")
        for each in ids:
            log.call(call_line(each))
        log.flush()

    asyncio.run(write())
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("client_request_id", [None, "mine", "Bearer s3cret", *NASTY.values()])
def test_the_line_of_a_call_is_what_structlog_would_write(client_request_id: str | None) -> None:
    fields = call_line(client_request_id).fields
    (slow,) = lines_of(LogFormat.JSON, "INFO", lambda log: log.info("call", **fields))
    before, quick, behind = call_lines(LogFormat.JSON, "INFO", None, client_request_id, "other")
    written = json.loads(quick)
    assert {**json.loads(slow), "timestamp": ""} == {**written, "timestamp": ""}
    assert list(json.loads(slow)) == list(written)
    assert len(written["timestamp"]) == len(json.loads(slow)["timestamp"])
    assert quick.isprintable()
    assert [json.loads(each)["client_request_id"] for each in (before, behind)] == [None, "other"]


def test_the_line_of_a_call_heeds_format_and_level() -> None:
    (line,) = call_lines(LogFormat.CONSOLE, "INFO", "mine")
    assert "client_request_id=mine" in line
    assert call_lines(LogFormat.JSON, "WARNING", "mine") == []


async def test_lines_of_calls_keep_their_order_among_others() -> None:
    stream = io.StringIO()
    configure(LogFormat.JSON, "INFO", stream)
    log = LineLogger("access")
    log.info("first")
    log.call(call_line())
    log.info("third")
    log.flush()
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["first", "call", "third"]


def written_by_form(log_format: LogFormat, level: str, line: CallLine) -> list[str]:
    """The line of a call, and the same by its form if it has one."""
    stream = io.StringIO()

    async def write() -> None:
        configure(log_format, level, stream)
        log = LineLogger("access")
        log.call(line)
        form = log.form_of(line)
        if form is not None:
            log.well(form, line.request_id, line.latency_ms)
        log.info("last")
        log.flush()

    asyncio.run(write())
    return stream.getvalue().splitlines()[:-1]


async def test_lines_by_forms_have_each_its_own_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    configure(LogFormat.JSON, "INFO", stream)
    log, lines = LineLogger("access"), [call_line(None), msgspec.structs.replace(call_line(None), surface="grpc")]
    forms = [log.form_of(line) for line in lines]
    for at, unix_ns in ((0, 1_700_000_000_999_999_999), (1, 1_700_000_001_000_001_000), (0, 1_700_000_001_000_002_999)):
        monkeypatch.setattr(time, "time_ns", lambda unix_ns=unix_ns: unix_ns)
        form = forms[at]
        assert form is not None
        log.well(form, f"req_{unix_ns % 10_000}", 1.5)
    log.flush()
    told = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(line["timestamp"], line["request_id"], line["surface"]) for line in told] == [
        ("2023-11-14T22:13:20.999999Z", "req_9999", lines[0].surface),
        ("2023-11-14T22:13:21.000001Z", "req_1000", "grpc"),
        ("2023-11-14T22:13:21.000002Z", "req_2999", lines[0].surface),
    ]


@pytest.mark.parametrize(
    ("latency_ms", "text"), [(0.004, "0.0"), (0.006, "0.01"), (1.0951, "1.1"), (2.996, "3.0"), (15.249, "15.25")]
)
def test_a_latency_is_told_in_hundredths(latency_ms: float, text: str) -> None:
    line = msgspec.structs.replace(call_line(None), latency_ms=latency_ms)
    assert f'"latency_ms":{text},' in written_by_form(LogFormat.JSON, "INFO", line)[1]


@pytest.mark.parametrize("latency_ms", [0.0, 1.25, 3.0, 0.07, 0.1, 0.99, 9.9, 123456.78, 0.01])
@pytest.mark.parametrize("client_request_id", [None, "mine", '"latency_ms":7,"request_id":"'])
def test_a_line_by_its_form_is_that_of_the_call(client_request_id: str | None, latency_ms: float) -> None:
    line = msgspec.structs.replace(call_line(client_request_id), latency_ms=latency_ms)
    lines = written_by_form(LogFormat.JSON, "INFO", line)
    told = [json.loads(each) for each in lines]
    stamps = [each.pop("timestamp") for each in told]
    assert [len(each) for each in stamps] == [len(stamps[0])] * len(stamps)
    assert told == [told[0]] * len(told)
    has_escapes = client_request_id is not None and not client_request_id.isalpha()
    assert len(lines) == (1 if has_escapes else 2)
    assert len({each.replace(stamp, "") for each, stamp in zip(lines, stamps, strict=True)}) == 1


@pytest.mark.parametrize("client_request_id", ["Bearer s3cret", *NASTY.values()])
def test_what_has_to_be_made_safe_has_no_form(client_request_id: str) -> None:
    assert len(written_by_form(LogFormat.JSON, "INFO", call_line(client_request_id))) == 1


def test_there_are_forms_for_plain_lines_only() -> None:
    assert len(written_by_form(LogFormat.CONSOLE, "INFO", call_line())) == 1
    assert written_by_form(LogFormat.JSON, "WARNING", call_line()) == []
