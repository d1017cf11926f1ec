"""`perpetuo users` from the outside: what it prints, and how it ends."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from typer.testing import CliRunner

from cli.commands import app
from server.accounts.gateway_keys import is_well_formed

RUN = CliRunner()


@pytest.fixture(autouse=True)
def untouched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No environment of an operator, and logging left as it was."""
    monkeypatch.delenv("PERPETUO_DATA_DIR", raising=False)
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


def run(data: Path, *arguments: str, text: str = "", code: int = 0) -> str:
    result = RUN.invoke(app, ["users", *arguments, "--data-dir", str(data)], input=text)
    assert result.exit_code == code, result.output
    return result.output if code else result.stdout


def run_json(data: Path, *arguments: str, text: str = "") -> Any:
    return json.loads(run(data, *arguments, "--json", text=text))


def test_a_user_is_made_listed_changed_and_shut_out(tmp_path: Path) -> None:
    made = run_json(tmp_path, "create", "ana@example.com", "--name", "Ana", "--plan", "pro")
    account = {"id", "email", "name", "plan", "is_disabled", "created_at"}
    assert set(made) == account | {"workspace_id", "api_key", "password"}
    assert (made["email"], made["name"], made["plan"], made["is_disabled"]) == ("ana@example.com", "Ana", "pro", False)
    assert is_well_formed(made["api_key"])
    assert len(made["password"]) >= 20
    known = run_json(tmp_path, "create", "bob@example.com", "--password-file", "-", text="secure-password-123\n")
    assert (known["plan"], "password" in known) == ("free", False)
    assert run_json(tmp_path, "set-plan", "BOB@example.com", "enterprise")["plan"] == "enterprise"
    assert run_json(tmp_path, "disable", "bob@example.com")["is_disabled"] is True
    listed = run_json(tmp_path, "list")["users"]
    assert [(user["email"], user["plan"], user["is_disabled"]) for user in listed] == [
        ("ana@example.com", "pro", False),
        ("bob@example.com", "enterprise", True),
    ]
    assert run_json(tmp_path, "enable", "bob@example.com")["is_disabled"] is False
    assert "password" in run_json(tmp_path, "set-password", "ana@example.com")
    for secret in (made["api_key"], made["password"]):
        assert secret not in run(tmp_path, "list")


def test_lines_are_for_people(tmp_path: Path) -> None:
    assert "plan: free\nis_disabled: false\n" in run(tmp_path, "create", "ana@example.com")
    assert run(tmp_path, "list").split()[1:3] == ["free", "active"]


@pytest.mark.parametrize(
    ("arguments", "text", "code"),
    [
        pytest.param(("create", "ana@example.com"), "", 5, id="an e-mail that is taken"),
        pytest.param(("create", "no e-mail"), "", 2, id="a malformed e-mail"),
        pytest.param(("create", "x@example.com", "--plan", "gold"), "", 2, id="a plan that there is not"),
        pytest.param(("create", "x@example.com", "--password-file", "-"), "short\n", 2, id="a weak password"),
        pytest.param(("create", "x@example.com", "--password-file", "/nowhere"), "", 2, id="a file that is not there"),
        pytest.param(("set-plan", "nobody@example.com", "pro"), "", 4, id="a plan for nobody"),
        pytest.param(("disable", "nobody@example.com"), "", 4, id="nobody to shut out"),
        pytest.param(("list", "--what"), "", 2, id="an unknown option"),
    ],
)
def test_what_fails_says_so_by_its_code(tmp_path: Path, arguments: tuple[str, ...], text: str, code: int) -> None:
    run(tmp_path, "create", "ana@example.com")
    run(tmp_path, *arguments, text=text, code=code)
    assert len(run_json(tmp_path, "list")["users"]) == 1


def test_no_gateway_and_wrong_secrets_have_codes_of_their_own(tmp_path: Path) -> None:
    run(tmp_path / "nothing", "list", code=6)
    run(tmp_path, "create", "ana@example.com")
    (tmp_path / "master.key").write_text("0" * 64 + "\n")
    assert "another master key" in run(tmp_path, "list", code=7)
