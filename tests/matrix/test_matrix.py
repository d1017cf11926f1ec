"""Every face to every dialect, whole and streamed, in every scene: what is heard is what was said.

A gateway runs in a process of its own; a fake upstream answers in the vendor's form and holds what it is asked against
the vendor's SDK. Dialects are found in the registry, so that one without a wire here is a failure.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from tests.e2e.gateway import Account, Gateway, add_provider, gateway, sign_up
from tests.matrix.faces import FACES, Asking
from tests.matrix.scenes import SCENES, Scene, expected
from tests.matrix.upstream import WIRES, Upstream, dialects, upstream, wire_of

DIALECTS = dialects()
HELPERS = {"marks"}
SOME = {("unary", "tool-results"), ("stream", "parallel-tools")}
"""The modes and scenes that are tried in every run; the others are tried by `--cells all`."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The cells, some of them or all."""
    if "scene" not in metafunc.fixturenames:
        return
    wants_all = metafunc.config.getoption("--cells") == "all"
    cells = [
        pytest.param(face, dialect, mode == "stream", scene, id=f"{face}>{dialect}>{mode}>{scene.name}")
        for face in FACES
        for dialect in DIALECTS
        for mode in ("unary", "stream")
        for scene in SCENES.values()
        if (mode == "stream" or not scene.breaks) and (wants_all or (mode, scene.name) in SOME)
    ]
    metafunc.parametrize(("face", "dialect", "is_stream", "scene"), cells)


def test_every_dialect_has_a_wire_and_every_wire_a_dialect() -> None:
    written = {path.stem for path in WIRES.glob("*.py")} - HELPERS
    assert written == {dialect.replace("-", "_") for dialect in DIALECTS}


@dataclass(frozen=True, slots=True)
class Stage:
    """A gateway with an entry for each dialect, all of which lead to the fake upstream."""

    gateway: Gateway
    account: Account
    upstream: Upstream


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    options = ("--allow-private-upstreams", "--default-plan", "enterprise")
    directory = tmp_path_factory.mktemp("matrix")
    async with upstream() as behind, gateway(directory, *options) as running:
        account = await sign_up(running.url, "matrix@example.com")
        for dialect, provider in DIALECTS.items():
            members = {"provider": provider, **wire_of(dialect).settings}
            await add_provider(running.url, account, behind.base_url(dialect), **members)
        yield Stage(running, account, behind)


async def test_what_is_heard_is_what_was_said(
    stage: Stage, face: str, dialect: str, is_stream: bool, scene: Scene
) -> None:
    behind = stage.upstream
    behind.faults.clear()
    behind.asked.clear()
    behind.has_heard.clear()
    model = f"{DIALECTS[dialect]}/{scene.name}"
    asking = Asking(stage.gateway.url, stage.account.key, model, scene, is_stream, behind.has_heard.set)
    heard = await FACES[face].ask(asking)
    assert behind.faults == []
    assert behind.asked == [scene.name]
    assert heard == expected(scene, shows_reasoning=wire_of(dialect).shows_reasoning)
