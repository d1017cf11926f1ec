"""Our transcoder passes the field's cases, and the runner notices when it would not."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.runner import CHECKS, Result, Verdict, run_cases, run_file
from tests.conformance.transcoding import main

FILE = Path(__file__).with_name("transcoding.json")
ROOT = FILE.parents[2]
DOCUMENT: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
CASES: dict[str, dict[str, Any]] = {case["id"]: case for case in DOCUMENT["cases"]}


def run_one(case: dict[str, Any]) -> Result:
    (result,) = run_cases({"schemas": DOCUMENT["schemas"], "cases": [case]})
    return result


@pytest.mark.parametrize("result", run_file(FILE), ids=lambda result: f"{result.level}-{result.case_id}")
def test_a_case_of_ours_passes(result: Result) -> None:
    assert result.verdict is Verdict.PASSED, result.note


def test_every_case_ran_and_every_choice_is_decided() -> None:
    assert {result.case_id for result in run_file(FILE)} == set(CASES)
    assert len(CASES) == DOCUMENT["total"] == sum(DOCUMENT["counts"].values())
    assert set(DOCUMENT["counts"]) == set(CHECKS)
    choices = [case for case in CASES.values() if case["level"] == "choice"]
    assert all(case["decision"] in ("follow", "deviate") and case["reason"] for case in choices)
    assert all("decided" in case for case in choices if case["decision"] == "deviate")


# Each kind, with one expectation turned into what cannot be.
BROKEN: dict[str, dict[str, Any]] = {
    "template-007": {"verb": "bar"},
    "template-029": {"template": "/a"},
    "match-001": {"expect": {"no_match": True}},
    "match-009": {"expect": {"template": "/a/**", "bindings": {}}},
    "http-002": {"expect": {"status": 405}},
    "template_overlap-001": {"overlap": False},
    "request-001": {"expect": {"message": {"name": "other"}}},
    "request-009": {"expect": {"message": {}}},
    "query-001": {"expect": {"error": {"grpc_code": 3, "status": 400}}},
    "query-019": {"expect": {"error": {"grpc_code": 5, "status": 404}}},
    "query_filter-001": {"bound": []},
    "json_parse-004": {"body": '{"int32Value": 1.5}'},
    "response-001": {"expect_json": {"data": "bar"}},
    "response_stream-006": {"content_type": "text/html"},
    "status-002": {"http_status": 500},
    "error_body-001": {"message": "another"},
    "header_in-009": {"value": "plain"},
    "timeout-001": {"nanoseconds": 1},
    "timeout-008": {"value": "1S"},
}


@pytest.mark.parametrize("case_id", BROKEN)
def test_the_runner_notices_a_case_that_does_not_hold(case_id: str) -> None:
    assert run_one({**CASES[case_id], **BROKEN[case_id]}).verdict is Verdict.FAILED


def test_every_kind_has_a_broken_case() -> None:
    assert {CASES[case_id]["kind"] for case_id in BROKEN} == set(CHECKS)


@pytest.mark.parametrize(
    ("case_id", "changes", "verdict"),
    [
        pytest.param(
            "template-025", {"decision": None}, Verdict.UNDECIDED, id="a choice without a decision does not count"
        ),
        pytest.param("match-073", {"decision": "follow"}, Verdict.FAILED, id="following what we do not do fails"),
        pytest.param("match-073", {"decided": None}, Verdict.PASSED, id="deviating is behaving in any other way"),
        pytest.param(
            "http-005", {"decided": None}, Verdict.PASSED, id="so is meeting the route of the method that was sent"
        ),
        pytest.param("match-099", {"decision": "deviate"}, Verdict.FAILED, id="deviating where we follow fails"),
        pytest.param(
            "match-092",
            {"decided": {"expect": {"no_match": True}}},
            Verdict.FAILED,
            id="deviating in another way than decided fails",
        ),
        pytest.param("match-017", {"decision": "follow"}, Verdict.REFUSED, id="what is refused at load is not failed"),
        pytest.param("match-017", {"level": "must"}, Verdict.REFUSED, id="not even where it would bind"),
        pytest.param(
            "match-099",
            {"decision": "deviate", "decided": {"refused": True}},
            Verdict.FAILED,
            id="what was to be refused was not",
        ),
        pytest.param(
            "match-017",
            {"decided": {"expect": {"no_match": True}}},
            Verdict.REFUSED,
            id="what was not to be refused was",
        ),
        pytest.param("match-099", {"decision": "perhaps"}, Verdict.FAILED, id="an unknown decision fails"),
        pytest.param("match-099", {"kind": "nonsense"}, Verdict.FAILED, id="an unknown kind fails"),
    ],
)
def test_a_decision_counts(case_id: str, changes: dict[str, Any], verdict: Verdict) -> None:
    changed = {name: value for name, value in {**CASES[case_id], **changes}.items() if value is not None}
    assert run_one(changed).verdict is verdict


def test_the_command_reports_and_exits_with_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = [CASES["status-002"], {**CASES["status-004"], "http_status": 1}, CASES["timeout-001"]]
    file = tmp_path / "cases.json"
    file.write_text(json.dumps({"schemas": {}, "cases": cases}), encoding="utf-8")
    assert main([str(file)]) == 1
    assert capsys.readouterr().out == "failed status-004: expected 1, got 400\n2 passed, 1 failed\n"


def test_the_command_needs_one_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage: python -m tests.conformance.transcoding FILE.json" in capsys.readouterr().err


def test_the_command_runs_by_its_name() -> None:
    command = [sys.executable, "-m", "tests.conformance.transcoding", str(FILE)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, f"{len(CASES)} passed, 0 failed"), done.stderr
