"""Every face to every dialect, whole and streamed, in every scene: what is heard is what was said.

A gateway runs in a process of its own; a fake upstream answers in the vendor's form and holds what it is asked against
the vendor's SDK. Dialects are found in the registry, so that one without a wire here is a failure.
"""

import pytest
from _pytest.mark.structures import ParameterSet

from tests.matrix.every_face import FACES
from tests.matrix.faces import Asking, Face
from tests.matrix.scenes import SCENES, Scene, expected
from tests.matrix.stage import Stage
from tests.matrix.upstream import WIRES, dialects, playable, wire_of

DIALECTS = playable()
HELPERS = {"marks"}
SOME = {("unary", "tool-results"), ("stream", "parallel-tools")}
"""The modes and scenes that are tried in every run; the others are tried by `--cells all`."""
SOME_OF_TEXT = {("unary", "length"), ("stream", "text")}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """The cells, some of them or all."""
    if "scene" not in metafunc.fixturenames:
        return
    wants_all = metafunc.config.getoption("--cells") == "all"
    cells = [
        _cell(face, dialect, mode, scene)
        for face in FACES
        for dialect in DIALECTS
        for mode in ("unary", "stream")
        for scene in SCENES.values()
        if (mode == "stream" or not scene.breaks) and (wants_all or _is_among_some(FACES[face], mode, scene))
    ]
    metafunc.parametrize(("face", "dialect", "is_stream", "scene"), cells)


def _cell(face: str, dialect: str, mode: str, scene: Scene) -> ParameterSet:
    # A face whose form has no place for a scene cannot ask for it, whatever the gateway does: legacy completions have
    # no tools, pictures, schemas or reasoning. Such a cell is shown as left out with that reason, so counts add up.
    why = FACES[face].lacks(scene)
    marks = [pytest.mark.skip(reason=why)] if why else []
    name = f"{face}>{dialect}>{mode}>{scene.name}"
    return pytest.param(face, dialect, mode == "stream", scene, id=name, marks=marks)


def _is_among_some(face: Face, mode: str, scene: Scene) -> bool:
    """A face that has no tools is tried with texts."""
    some = SOME_OF_TEXT if face.lacks(SCENES["tools"]) else SOME
    return (mode, scene.name) in some


def test_every_dialect_has_a_wire_and_every_wire_a_dialect() -> None:
    written = {path.stem for path in WIRES.glob("*.py")} - HELPERS
    assert written == {dialect.replace("-", "_") for dialect in dialects()}


async def test_what_is_heard_is_what_was_said(
    stage: Stage, face: str, dialect: str, is_stream: bool, scene: Scene
) -> None:
    behind = stage.upstream
    behind.forget()
    model = f"{DIALECTS[dialect]}/{scene.name}"
    asking = Asking(
        stage.gateway.url, stage.gateway.target, stage.account.key, model, scene, is_stream, behind.has_heard.set
    )
    heard = await FACES[face].ask(asking)
    assert behind.faults == []
    assert behind.asked == [scene.name]
    assert heard == expected(scene, shows_reasoning=wire_of(dialect).shows_reasoning)
