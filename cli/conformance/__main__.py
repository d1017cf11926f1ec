"""`perpetuo conformance`: plays known faults behind a gateway and prints how it did.

Exit codes: 0 no fault was failed, 1 at least one was, 2 wrong options or a gateway that serves nothing.
"""

import argparse
import asyncio
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from cli.conformance.caller import Target
from cli.conformance.report import as_json, chosen, heading, line, summary
from cli.conformance.rows import PROFILES, Row, rows
from cli.conformance.stage import Stage
from cli.conformance.verdict import Judgement, Verdict


class NothingServedError(Exception):
    """No plain request reached the primary, so that nothing can be said of faults."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Reads the command line, and runs; gives the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    profile = PROFILES[options.profile]
    try:
        wanted = chosen(rows(profile), options.only)
        headers = dict(_header(text) for text in options.header)
        ports = _ports(options.ports)
    except ValueError as error:
        parser.error(str(error))
    if options.list:
        print("\n".join(f"{row.id}  {row.title}" for row in wanted))
        return 0
    if not options.target:
        parser.error("--target is needed")
    target = Target(options.target, options.key, options.model, headers)
    stage = Stage(target, ports, options.settle)
    try:
        found = asyncio.run(_run(stage, wanted, options))
    except (NothingServedError, OSError, subprocess.CalledProcessError) as error:
        print(f"perpetuo conformance: {error}", file=sys.stderr)
        return 2
    print(f"\n{options.label or options.target}, profile {profile.name}: {summary(found)}")
    if options.json is not None:
        made = as_json(options.label or options.target, profile.name, found)
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(made)) + b"\n")
    return int(any(judgement.verdict is Verdict.FAIL for judgement in found))


async def _run(stage: Stage, wanted: tuple[Row, ...], options: argparse.Namespace) -> list[Judgement]:
    async with stage:
        await asyncio.to_thread(_set_up, stage, options)
        if not await stage.settle():
            raise NothingServedError(
                f"no plain request came through {options.target} to the primary, {stage.primary.base_url}. Is the "
                f"model {options.model!r} served by it, with the fallback behind it, and is the key right?"
            )
        print(heading(), flush=True)
        return await stage.run(wanted, lambda judgement: print(line(judgement), flush=True))


def _set_up(stage: Stage, options: argparse.Namespace) -> None:
    """Tells how the gateway has to be set up, and lets it happen."""
    places = {"CONFORMANCE_PRIMARY": stage.primary.base_url, "CONFORMANCE_FALLBACK": stage.fallback.base_url}
    if options.config_command:
        subprocess.run(shlex.split(options.config_command), env={**os.environ, **places}, check=True)
        return
    print(
        f"Two OpenAI-compatible upstreams are up; any key opens them.\n"
        f"  primary   {stage.primary.base_url}\n"
        f"  fallback  {stage.fallback.base_url}\n"
        f"Let the gateway serve the model {options.model!r} by the primary, and by the fallback when that fails, "
        f"without a cache.",
        flush=True,
    )
    if not options.yes and sys.stdin.isatty():
        input("Press Enter when it does. ")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "perpetuo conformance",
        description="Plays known faults behind any OpenAI-compatible gateway, and prints how it did.",
    )
    parser.add_argument("--target", default="", help="base URL of the gateway, as http://127.0.0.1:8000/v1")
    parser.add_argument("--key", default=os.environ.get("CONFORMANCE_KEY", ""), help="its key (CONFORMANCE_KEY)")
    parser.add_argument("--model", default="conformance", help="the model to ask for (conformance)")
    parser.add_argument("--header", action="append", default=[], metavar="NAME:VALUE", help="a header of every request")
    parser.add_argument("--ports", default="0,0", metavar="A,B", help="ports of primary and fallback; 0: free ones")
    parser.add_argument(
        "--config-command", default="", help="sets the gateway up; CONFORMANCE_PRIMARY and _FALLBACK hold the addresses"
    )
    parser.add_argument("--yes", action="store_true", help="the gateway is set up already: do not wait for Enter")
    parser.add_argument("--profile", choices=tuple(PROFILES), default="full", help="how long the faults last (full)")
    parser.add_argument("--only", default="", metavar="ID,ID", help="only these faults")
    parser.add_argument(
        "--settle", type=float, default=60.0, help="seconds to wait for the primary between faults (60)"
    )
    parser.add_argument("--label", default="", help="what to call the gateway in the report")
    parser.add_argument("--json", type=Path, help="file to write the report to as JSON")
    parser.add_argument("--list", action="store_true", help="list the faults and do nothing")
    return parser


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise ValueError(f"--header {text!r} is not NAME:VALUE")
    return name.strip(), value.strip()


def _ports(text: str) -> tuple[int, int]:
    parts = text.split(",")
    if len(parts) != 2 or not all(part.strip().isdecimal() for part in parts):
        raise ValueError(f"--ports {text!r} is not two ports, as 9201,9202")
    return int(parts[0]), int(parts[1])


if __name__ == "__main__":
    sys.exit(main())
