"""Runs a case file and reports.

`must` cases bind. A `choice` case counts when it carries a `decision`: `follow` makes it bind; `deviate` asks that we
behave otherwise, as `decided` says (members that replace the case's own, or `{"refused": true}`), or, where it says
nothing, in any other way. Templates that are refused at load are reported as refused. What follows runs in the
canonical profile, what deviates in ours.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from edge.transcoder.profile import CANONICAL, PERPETUO
from tests.conformance import answers, metadata, paths, requests
from tests.conformance.check import Case, Check, Refused, Seen
from tests.conformance.schemas import Schemas

CHECKS: Mapping[str, Check] = {
    "template": paths.check_template,
    "match": paths.check_match,
    "http": paths.check_http,
    "template_overlap": paths.check_overlap,
    "request": requests.check_request,
    "query": requests.check_query,
    "query_filter": requests.check_query,
    "json_parse": requests.check_json_parse,
    "response": answers.check_response,
    "response_stream": answers.check_stream,
    "error_body": answers.check_error_body,
    "status": metadata.check_status,
    "header_in": metadata.check_header_in,
    "timeout": metadata.check_timeout,
}


class Verdict(StrEnum):
    """What became of a case."""

    PASSED = "passed"
    FAILED = "failed"
    REFUSED = "refused"
    UNDECIDED = "undecided"


_UNDECIDED_WORDS: Mapping[Verdict, str] = {
    Verdict.PASSED: "we agree",
    Verdict.FAILED: "we differ:",
    Verdict.REFUSED: "we refuse:",
}


@dataclass(frozen=True, slots=True)
class Result:
    """One case's verdict, and why where that is not plain."""

    case_id: str
    kind: str
    level: str
    verdict: Verdict
    note: str = ""


def run_file(path: Path) -> list[Result]:
    """Runs every case of a file, in its order."""
    return list(run_cases(json.loads(path.read_text(encoding="utf-8"))))


def run_cases(document: Mapping[str, Any]) -> Iterator[Result]:
    """Runs every case of a document, in its order."""
    schemas = Schemas(document.get("schemas", {}))
    for case in document["cases"]:
        verdict, note = _run(case, schemas)
        yield Result(case["id"], case["kind"], case["level"], verdict, note)


def _run(case: Case, schemas: Schemas) -> tuple[Verdict, str]:
    check = CHECKS.get(case["kind"])
    if check is None:
        return Verdict.FAILED, f"unknown kind {case['kind']!r}"
    decision = case.get("decision")
    if case["level"] == "must" or decision == "follow":
        return _follow(check, case, schemas)
    if decision == "deviate":
        return _deviate(check, case, schemas)
    if decision is not None:
        return Verdict.FAILED, f"unknown decision {decision!r}"
    verdict, note = _follow(check, case, schemas)
    return Verdict.UNDECIDED, f"{_UNDECIDED_WORDS[verdict]} {note}".strip()


def _follow(check: Check, case: Case, schemas: Schemas) -> tuple[Verdict, str]:
    try:
        seen = check(case, schemas, CANONICAL)
    except Refused as refusal:
        return Verdict.REFUSED, str(refusal)
    return (Verdict.PASSED, "") if seen.holds else (Verdict.FAILED, _difference(seen))


def _deviate(check: Check, case: Case, schemas: Schemas) -> tuple[Verdict, str]:
    decided = case.get("decided")
    try:
        seen = check({**case, **(decided or {})}, schemas, PERPETUO)
    except Refused as refusal:
        is_decided = decided is None or decided.get("refused")
        return (Verdict.PASSED, "") if is_decided else (Verdict.REFUSED, str(refusal))
    if decided is None:
        return (Verdict.FAILED, "does not deviate") if seen.holds else (Verdict.PASSED, "")
    if decided.get("refused"):
        return Verdict.FAILED, "was to be refused"
    return (Verdict.PASSED, "") if seen.holds else (Verdict.FAILED, _difference(seen))


def _difference(seen: Seen) -> str:
    return f"expected {seen.expected!r}, got {seen.actual!r}"
