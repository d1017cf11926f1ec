"""The `perpetuo` command: what it lists, and that it is quick because it imports late."""

import subprocess
import sys

import pytest

from cli.version import current_version

CASES = [
    (["--version"], 0, f"perpetuo {current_version()}"),
    (["--help"], 0, "mock"),
    (["serve", "--help"], 0, "--allow-private-upstreams"),
    (["mock", "--help"], 0, "reset-after"),
    (["serve", "--port", "99999"], 2, "--port"),
    (["serve", "--demo", "--host", "0.0.0.0"], 2, "loopback"),
    (["serve", "--core", "127.0.0.1:1"], 2, "--core"),
    (["nonsense"], 2, "nonsense"),
]


PRINTS_VERSION = """
import sys
sys.argv = ["perpetuo", "--version"]
try:
    from cli.main import main
    main()
except SystemExit:
    print(sorted({"grpc", "sqlalchemy", "aiohttp", "pydantic"} & set(sys.modules)))
"""


SERVES = """
import sys
sys.argv = ["perpetuo", "serve", "--core", "127.0.0.1:1"]
try:
    from cli.main import main
    main()
except SystemExit as end:
    print(end.code, sorted({"typer", "rich", "pydantic", "genai_prices.data"} & set(sys.modules)))
"""


@pytest.mark.parametrize(("arguments", "code", "says"), CASES, ids=[" ".join(case[0]) for case in CASES])
def test_the_command(arguments: list[str], code: int, says: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == code, done.stderr
    assert says in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_who_serves_needs_no_list_of_commands() -> None:
    done = subprocess.run([sys.executable, "-c", SERVES], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "2 []"


def test_the_version_needs_no_heavy_import() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PRINTS_VERSION], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
