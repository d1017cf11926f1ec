"""Requests made from the served description: no server error, and every answer as it was described."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.gateway import Gateway, sign_up

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
EXAMPLES_EACH = 25
# These end the session that they are called with, and so would lock the other operations out.
ENDINGS = "/api/auth/logout|/api/auth/refresh|/api/auth/password|/api/auth/me"


async def fuzz(directory: Path, url: str, bearer: str, workspace_id: str, *chosen: str) -> dict[str, Any]:
    """The report of one run over the operations that are chosen."""
    (directory / "schemathesis.toml").write_text(f'[parameters]\n"path.workspace_id" = "{workspace_id}"\n')
    report = directory / "report.json"
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("schemathesis")), "run", f"{url}/openapi.json", *chosen,
        "--checks", CHECKS, "--max-examples", str(EXAMPLES_EACH), "--phases", "examples,coverage,fuzzing",
        "--seed", "1", "--continue-on-failure", "--generation-database", "none", "--suppress-health-check", "all",
        "--header", f"Authorization: Bearer {bearer}", "--request-timeout", "20", "--no-color",
        "--report", "json", "--report-json-path", str(report),
        cwd=directory, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    text = output.decode()
    assert process.returncode == 0, text[-8000:]
    print(text[text.rindex("Test cases:") :].splitlines()[1].strip())
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def accepted(report: dict[str, Any]) -> set[str]:
    """The operations that took at least one request."""
    return {
        name for name, phases in report["valid_rates"].items() if any(phase["accepted"] for phase in phases.values())
    }


def check(report: dict[str, Any], operations: int, cases: int) -> None:
    """Every operation was tried, often enough, and nothing was found."""
    assert report["operations"]["tested"] == operations
    assert (report["failures"], report["errors"]) == ([], [])
    assert report["test_cases"]["generated"] > cases


def described(name: str) -> int:
    """How many operations of the description are under `/v1/`, end sessions, or are something else."""
    paths = json.loads((Path(__file__).parents[2] / "generated/perpetuo/v1/openapi.json").read_text())["paths"]
    kinds = [
        "model" if path.startswith("/v1/") else "ending" if path in ENDINGS.split("|") else "other"
        for path, item in paths.items()
        for _ in item
    ]
    return kinds.count(name)


@pytest.mark.timeout(300)
async def test_the_model_paths_answer_as_described(perpetuo: Gateway, tmp_path: Path) -> None:
    report = await fuzz(tmp_path, perpetuo.url, perpetuo.demo_key, "ws_none", "--include-path-regex", "^/v1/")
    check(report, described("model"), 300)
    assert {"POST /v1/chat/completions", "GET /v1/models"} <= accepted(report)


@pytest.mark.timeout(300)
async def test_the_management_paths_answer_as_described(perpetuo: Gateway, tmp_path: Path) -> None:
    account = await sign_up(perpetuo.url, "schemathesis@example.com")
    others = ("--exclude-path-regex", f"^/v1/|^({ENDINGS})$")
    report = await fuzz(tmp_path, perpetuo.url, account.token, account.workspace_id, *others)
    check(report, described("other"), 500)
    assert accepted(report) >= {
        "GET /workspaces",
        "PATCH /workspaces/{workspace_id}",
        "GET /workspaces/{workspace_id}/members",
        "GET /workspaces/{workspace_id}/keys",
        "POST /workspaces/{workspace_id}/keys",
        "POST /workspaces/{workspace_id}/providers",
        "POST /api/keys/gateway",
    }


@pytest.mark.timeout(300)
@pytest.mark.parametrize("path", ENDINGS.split("|"))
async def test_the_paths_that_end_a_session_answer_as_described(perpetuo: Gateway, tmp_path: Path, path: str) -> None:
    account = await sign_up(perpetuo.url, f"schemathesis{path.replace('/', '-')}@example.com")
    report = await fuzz(tmp_path, perpetuo.url, account.token, account.workspace_id, "--include-path", path)
    operations = {"/api/auth/me": {"GET /api/auth/me", "DELETE /api/auth/me"}}.get(path, {f"POST {path}"})
    check(report, len(operations), 5)
    assert accepted(report) <= operations
    assert accepted(report)
