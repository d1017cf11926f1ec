"""`python -m tests.scoreboard`: judges gateways one after the other with `perpetuo conformance`, and prints one table.

`--page` writes the table into docs/conformance.md, with the command, the versions and the day.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from tests.bench.processes import free_port
from tests.scoreboard.systems import SYSTEMS, Running, Site
from tests.scoreboard.table import on_page, table

PAGE: Final = Path("docs/conformance.md")
# What makes the limits of Perpetuo fit waits that are shorter than usual.
QUICK: Final = ("--first-token-timeout-s", "2", "--idle-timeout-s", "3")


def main() -> int:
    """Runs what was asked for; 1 if Perpetuo failed a fault."""
    parser = argparse.ArgumentParser("python -m tests.scoreboard", description=__doc__)
    parser.add_argument("systems", nargs="*", choices=[*SYSTEMS, []], help="which gateways; all if none is named")
    parser.add_argument("--profile", choices=("full", "quick"), default="full")
    parser.add_argument("--only", default="", help="only these faults, by commas")
    parser.add_argument("--header", action="append", default=[], metavar="NAME:VALUE", help="a header of every request")
    parser.add_argument("--page", action="store_true", help=f"write the table into {PAGE}")
    options = parser.parse_args()
    names = options.systems or list(SYSTEMS)
    with tempfile.TemporaryDirectory(prefix="scoreboard-") as folder:
        more = [part for header in options.header for part in ("--header", header)]
        more += ["--profile", options.profile, "--only", options.only]
        reports = [judged(name, Path(folder) / name, options.profile, more) for name in names]
    made = table(reports)
    print(f"\n{made}")
    if options.page:
        today = datetime.now(UTC).strftime("%d %B %Y").lstrip("0")
        PAGE.write_text(on_page(PAGE.read_text(encoding="utf-8"), made, today), encoding="utf-8")
    return int(any(report["counts"]["fail"] for name, report in zip(names, reports, strict=True) if name == "perpetuo"))


def judged(name: str, folder: Path, profile: str, more: Sequence[str]) -> dict[str, Any]:
    """The report on one gateway. `more` are further arguments of the judge."""
    folder.mkdir()
    ports = free_port(), free_port()
    primary, fallback = (f"http://127.0.0.1:{port}/v1" for port in ports)
    report = folder / "report.json"
    with ExitStack() as stack:
        own = QUICK if profile == "quick" and name == "perpetuo" else ()
        running = SYSTEMS[name](Site(folder, primary, fallback, own), stack)
        print(f"\n# {running.label}", flush=True)
        command = [*_command(running), "--ports", f"{ports[0]},{ports[1]}", "--json", str(report)]
        code = subprocess.run([*command, *more], check=False).returncode
    if code == 2:
        sys.exit(code)
    found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
    return found


def _command(running: Running) -> list[str]:
    command = [sys.executable, "-m", "cli.main", "conformance", "--yes", "--label", running.label]
    command += ["--target", running.url, "--model", running.model, "--key", running.key]
    return command + [part for name, value in running.headers.items() for part in ("--header", f"{name}:{value}")]


if __name__ == "__main__":
    sys.exit(main())
