"""What README and docs/ tell a reader to paste works as it stands.

A fenced `sh` block below the comment `<!-- runnable -->` is run by bash, with the ports of the running gateway in the
place of the default ones; any command that fails, and any request that is answered with an error, fails the test.
"""

import asyncio
import re
import shutil
from pathlib import Path

import pytest

from tests.e2e.gateway import ROOT, Gateway

_BLOCK = re.compile(r"^<!-- runnable -->\n+```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# curl itself takes an answered error for a success.
_PRELUDE = 'set -euo pipefail\ncurl() { command curl --fail-with-body "$@"; }\n'


def runnable_blocks(text: str) -> list[str]:
    """The marked blocks of a page, in order."""
    return _BLOCK.findall(text)


def pages() -> dict[str, str]:
    """The pages that may hold such blocks, by their path."""
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def script_of(block: str, gateway: Gateway) -> str:
    """What bash runs for a block."""
    block = re.sub(r"(127\.0\.0\.1|localhost):8000\b", f"127.0.0.1:{gateway.port}", block)
    return _PRELUDE + re.sub(r"(127\.0\.0\.1|localhost):50051\b", f"127.0.0.1:{gateway.grpc_port}", block)


_BLOCKS = [
    pytest.param(block, id=f"{name}-{number}")
    for name, text in pages().items()
    for number, block in enumerate(runnable_blocks(text), start=1)
]


def test_only_marked_blocks_are_run() -> None:
    text = "```sh\nno\n```\n<!-- runnable -->\n```sh\none\ntwo\n```\ntext\n\n<!-- runnable -->\n\n```sh\nthree\n```\n"
    assert runnable_blocks(text) == ["one\ntwo\n", "three\n"]


def test_the_readme_has_something_to_paste() -> None:
    assert runnable_blocks(pages()["README.md"])


@pytest.mark.skipif(shutil.which("curl") is None, reason="the blocks call curl: apt install curl")
@pytest.mark.parametrize("block", _BLOCKS)
async def test_a_block_does_what_the_page_says(block: str, perpetuo: Gateway, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        script_of(block, perpetuo),
        cwd=tmp_path,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    assert output.strip()
