"""The start block: at most 12 lines, each of which a shell takes as it is."""

import subprocess

import pytest

from cli.serve import ServeSettings, start_block
from edge.settings import EdgeSettings
from server.settings import ServerSettings

BLOCKS = [
    ("demo", start_block(ServeSettings(demo=True), (8000, 50051), "pk_demo", 0.8)),
    ("plain", start_block(ServeSettings(), (8000, 50051), "", 0.8)),
    ("IPv6", start_block(ServeSettings(host="::1"), (8000, 50051), "pk_demo", 0.8)),
]


@pytest.mark.parametrize("block", [block for _, block in BLOCKS], ids=[name for name, _ in BLOCKS])
def test_a_block_is_short_and_every_line_is_valid_shell(block: str) -> None:
    lines = block.splitlines()
    assert len(lines) <= 12
    for line in lines:
        subprocess.run(["sh", "-n", "-c", line], check=True, timeout=10)
    assert any(line.startswith("curl ") for line in lines)


def test_the_ports_and_the_key_are_in_the_block() -> None:
    block = start_block(ServeSettings(demo=True), (1234, 5678), "pk_demo", 0.8)
    assert "http://127.0.0.1:1234/v1" in block
    assert "127.0.0.1:5678" in block
    assert "Bearer pk_demo" in block


def test_serve_has_the_options_of_both_halves() -> None:
    assert {*ServerSettings.model_fields, *EdgeSettings.model_fields} == {*ServeSettings.model_fields}
