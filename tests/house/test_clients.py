"""What the clients of others are pinned to: exact versions with hashes, and no address of a registry."""

import json
import re

from tests.house.sources import ROOT

CLIENTS = ROOT / "tests" / "clients"
LOCK = CLIENTS / "package-lock.json"


def test_every_client_for_node_is_wanted_in_one_version() -> None:
    package = json.loads((CLIENTS / "package.json").read_text(encoding="utf-8"))
    versions = [*package["dependencies"].values()]
    assert versions
    assert [version for version in versions if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []


def test_every_package_for_node_is_pinned_by_its_hash() -> None:
    packages = json.loads(LOCK.read_text(encoding="utf-8"))["packages"]
    installed = {name: package for name, package in packages.items() if name}
    assert installed
    unpinned = [name for name, package in installed.items() if not package["integrity"].startswith("sha512-")]
    assert unpinned == []


def test_every_package_for_python_is_pinned_by_its_hash() -> None:
    blocks = re.split(r"^(?=[a-z0-9])", (CLIENTS / "requirements.txt").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(blocks) > 1
    assert [block for block in blocks[1:] if "==" not in block or "--hash=sha256:" not in block] == []


def test_no_address_is_in_the_pins() -> None:
    files = (LOCK, CLIENTS / "requirements.txt")
    found = [file.name for file in files if re.search(r"://|\bresolved\b|--index-url|--find-links", file.read_text())]
    assert found == []
