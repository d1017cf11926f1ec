"""Providers of other packages: what is taken, and what is left out with the name of who brought it."""

import importlib
import logging
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path

import pytest

from server.chat.deployment import Candidate, Deployment
from server.chat.model_facts import UNKNOWN_MODEL
from server.chat.request import parse_chat_request
from server.plugins import GROUP, Providers, load_providers
from server.providers.registry import PROVIDERS
from tests.plugins.installing import install

EXAMPLE = Path(__file__).parents[2] / "plugins/perpetuo_parrot.py"
HEAD = """
from server.providers.openai import OpenAiDialect
from server.providers.provider import Provider
def row(name="acme", dialect=None, **members):
    return Provider(name, "Acme", dialect or OpenAiDialect(), **members)
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of packages that is on the path; what was imported from it is forgotten."""
    before = set(sys.modules)
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    importlib.invalidate_caches()
    yield folder
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(folder) in str(sys.modules[name].__file__):
            del sys.modules[name]


def found(site: Path) -> list[EntryPoint]:
    installed: list[Distribution] = list(distributions(path=[str(site)]))
    return [point for dist in installed for point in dist.entry_points.select(group=GROUP)]


def loaded(site: Path, code: str, value: str = "perpetuo_acme:given") -> Providers:
    install(site, "perpetuo_acme", HEAD + code, {"acme": value})
    return load_providers(found(site))


def added(providers: Providers) -> set[str]:
    return set(providers.rows) - set(PROVIDERS)


GOOD = [
    ("a row", "given = row()", {"acme"}),
    ("a list of rows", "given = [row(), row('acme-2')]", {"acme", "acme-2"}),
    ("a function that gives a row", "def given():\n    return row()", {"acme"}),
    ("a function that gives rows", "def given():\n    return (row('a'), row('b'))", {"a", "b"}),
    ("nothing", "given = []", set()),
]


@pytest.mark.parametrize(("code", "names"), [case[1:] for case in GOOD], ids=[case[0] for case in GOOD])
def test_takes(site: Path, code: str, names: set[str]) -> None:
    providers = loaded(site, code)
    assert added(providers) == names
    assert providers.faults == ()
    assert list(providers.rows)[: len(PROVIDERS)] == list(PROVIDERS)


BAD = [
    ("a module that cannot be imported", "import no_such_module_here", "ModuleNotFoundError: No module named"),
    ("a module that fails", "raise ValueError('wrong\\nhere')", "ValueError: wrong here"),
    ("a module that ends the process", "raise SystemExit(3)", "SystemExit: 3"),
    ("a module that is no Python", "def (", "SyntaxError"),
    ("no such name in the module", "other = 1", "AttributeError"),
    ("a function that fails", "def given():\n    raise OSError('away')", "OSError: away"),
    ("something else", "given = 7", "neither a Provider nor a list"),
    ("a list of something else", "given = ['acme']", "and not a Provider"),
    ("a name that is taken", "given = row('openai')", "a provider 'openai' already"),
    ("a name with blanks", "given = row('Ac me')", "small letters"),
    ("a long name", "given = row('a' * 41)", "small letters"),
    ("a part of the gateway", "given = row(is_builtin=True)", "is_builtin"),
    ("a dialect without verbs", "given = row(dialect=object())", "lacks build, check, answer"),
    ("an address that is none", "given = row(default_base_url='ftp://x')", "default_base_url"),
]


@pytest.mark.parametrize(("code", "says"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_leaves_out_and_names_the_package(site: Path, code: str, says: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, "server.plugins"):
        providers = loaded(site, code)
    [fault] = providers.faults
    assert fault.startswith("perpetuo-acme 1.2 (acme): ")
    assert says in fault
    assert fault in caplog.text
    assert dict(providers.rows) == dict(PROVIDERS)


def test_one_bad_row_leaves_the_others(site: Path) -> None:
    providers = loaded(site, "given = [row('a'), row('openai'), row('b')]")
    assert added(providers) == {"a", "b"}
    assert len(providers.faults) == 1


def test_one_bad_package_leaves_the_others(site: Path) -> None:
    install(site, "perpetuo_bad", "raise RuntimeError('no')", {"bad": "perpetuo_bad:given"})
    providers = loaded(site, "given = row()")
    assert added(providers) == {"acme"}
    assert [fault.split()[0] for fault in providers.faults] == ["perpetuo-bad"]


def test_the_first_of_two_packages_has_a_name(site: Path) -> None:
    install(site, "perpetuo_zzz", HEAD + "given = row()", {"acme": "perpetuo_zzz:given"})
    providers = loaded(site, "given = row()")
    assert added(providers) == {"acme"}
    assert [fault.split()[0] for fault in providers.faults] == ["perpetuo-zzz"]


def test_what_is_installed_is_found(site: Path) -> None:
    install(site, "perpetuo_parrot", EXAMPLE.read_text(encoding="utf-8"), {"parrot": "perpetuo_parrot:providers"})
    providers = load_providers()
    assert {"parrot", "echo"} <= added(providers)
    assert not [fault for fault in providers.faults if "parrot" in fault]


def test_nothing_is_loaded_where_nothing_is_installed() -> None:
    providers = load_providers([])
    assert dict(providers.rows) == dict(PROVIDERS)


def test_tells_the_dialect_and_the_prefill_of_a_provider() -> None:
    providers = load_providers([])
    request = parse_chat_request(b'{"messages":[{"role":"user","content":"hi"}]}')
    assert providers.dialect_of("groq") is PROVIDERS["groq"].dialect
    assert providers.dialect_for("groq", request) is PROVIDERS["groq"].dialect
    deployment = Deployment("prov_1", "ws_1", "moonshot", "https://a.example/v1", "k")
    assert providers.prefill_of(Candidate(deployment, "m", UNKNOWN_MODEL)) is PROVIDERS["moonshot"].prefill
    other = Candidate(Deployment("prov_1", "ws_1", "openai", "https://a.example/v1", "k"), "m", UNKNOWN_MODEL)
    assert providers.prefill_of(other) is None
