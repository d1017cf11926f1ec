"""Sends load with wrk, and single requests whose answers are checked before anything is measured."""

import http.client
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.bench import payload


class WrongAnswerError(Exception):
    """A measured path answered something else than it should, so that its figures would mean nothing."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests go. `key` is the bearer token, empty for the upstream and the proxy; `headers` come on top.

    `model` is what the target calls the model, empty for the name in the bodies.
    """

    url: str
    key: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    model: str = ""


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk counted: whole answers, and the time to the last byte of one."""

    requests: int
    duration_s: float
    p50_ms: float
    p99_ms: float


def send(target: Target, *, body: Path, connections: int, seconds: float, core: int | None, threads: int = 1) -> Load:
    """Loads a target for a time over kept-alive connections. Any failed request is a `WrongAnswerError`."""
    command = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "30s"]
    command += ["-s", str(Path(__file__).with_name("chat.lua")), target.url]
    if core is not None:
        command = ["taskset", "-c", str(core), *command]
    environment = os.environ | {"BENCH_BODY": str(body), "BENCH_KEY": target.key or "none"}
    environment["BENCH_HEADERS"] = ";".join(f"{name}={value}" for name, value in target.headers)
    counted = json.loads(_lines_of(command, environment, "{")[0])
    failures = {kind: number for kind, number in counted["failures"].items() if number}
    if failures or not counted["requests"]:
        shown = _lines_of(command, environment | {"BENCH_SHOW": "1"}, "shown: ")
        raise WrongAnswerError(f"{target.url}: {counted['requests']} answers, failed: {failures}; as {shown[:1]}")
    return Load(
        requests=counted["requests"],
        duration_s=counted["duration_us"] / 1e6,
        p50_ms=counted["p50_us"] / 1e3,
        p99_ms=counted["p99_us"] / 1e3,
    )


def _lines_of(command: list[str], environment: dict[str, str], start: str) -> list[str]:
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return [line for line in result.stdout.splitlines() if line.startswith(start)]


def wrk_path() -> str | None:
    """Where wrk is."""
    return shutil.which("wrk")


def call(target: Target, body: bytes) -> bytes:
    """One POST of JSON; gives the body of a 200."""
    address = urlsplit(target.url)
    connection = http.client.HTTPConnection(address.netloc, timeout=30)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {target.key or 'none'}"}
    headers |= dict(target.headers)
    try:
        connection.request("POST", address.path, body, headers)
        response = connection.getresponse()
        received = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise WrongAnswerError(f"{target.url} answered {response.status}: {received[:500]!r}")
    return received


def check(target: Target, body: bytes, *, stream: bool) -> None:
    """Makes sure that a target answers a body with the whole completion, streamed or not, in whatever form."""
    received = call(target, body)
    if not stream:
        text = json.loads(payload.answer())["choices"][0]["message"]["content"]
        if json.dumps(text).encode() not in received:
            raise WrongAnswerError(f"{target.url} changed the answer: {received[:500]!r}")
        return
    data = [line[6:] for line in received.split(b"\n") if line.startswith(b"data: ")]
    if len(data) < payload.EVENTS + 1 or data[-1].strip() != b"[DONE]":
        raise WrongAnswerError(f"{target.url} streamed {len(data)} events and ended with {data[-1:]!r}")
