"""Pages of models: after an id, before one, and by stage of life."""

from typing import Any

import pytest
from perpetuo.v1 import models_pb2

from server.errors import RequestInvalid
from server.services.model_pages import page_of

STAGES = {"b": "deprecated", "d": "retired"}
MODELS = [models_pb2.MessageModel(id=name, lifecycle=STAGES.get(name, "active")) for name in "abcdef"]


def page(**members: Any) -> models_pb2.ListMessageModelsResponse:
    return page_of(MODELS, models_pb2.ListMessageModelsRequest(**members))


@pytest.mark.parametrize(
    ("asked", "ids", "has_more"),
    [
        pytest.param({}, "abcef", False, id="all but the retired"),
        pytest.param({"limit": 2}, "ab", True, id="the first page"),
        pytest.param({"limit": 2, "after_id": "b"}, "ce", True, id="the next page"),
        pytest.param({"limit": 2, "after_id": "e"}, "f", False, id="the last page"),
        pytest.param({"after_id": "f"}, "", False, id="after the last"),
        pytest.param({"limit": 2, "before_id": "f"}, "ce", True, id="the page before"),
        pytest.param({"before_id": "c"}, "ab", False, id="all before"),
        pytest.param({"lifecycle": ["retired"]}, "d", False, id="the retired"),
        pytest.param({"lifecycle": ["active", "retired"], "limit": 3}, "acd", True, id="two stages"),
    ],
)
def test_a_page_is_what_was_asked_for(asked: dict[str, Any], ids: str, has_more: bool) -> None:
    found = page(**asked)
    assert "".join(model.id for model in found.data) == ids
    assert found.has_more is has_more
    assert found.HasField("first_id") is bool(ids)
    if ids:
        assert (found.first_id, found.last_id) == (ids[0], ids[-1])


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"limit": -1}, "limit"),
        ({"limit": 1001}, "limit"),
        ({"after_id": "x"}, "after_id"),
        ({"before_id": "d"}, "before_id"),
        ({"after_id": "a", "before_id": "b"}, "before_id"),
        ({"lifecycle": ["new"]}, "lifecycle"),
    ],
    ids=["below one", "too many", "an unknown id", "an id of another stage", "both ways", "an unknown stage"],
)
def test_what_cannot_be_asked_for_is_named(asked: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestInvalid) as caught:
        page(**asked)
    assert caught.value.param == param
