"""Pages of models as Anthropic's clients ask for them: after an id or before one, and by stage of life."""

from collections.abc import Sequence
from typing import Final

from perpetuo.v1 import models_pb2

from server.errors import RequestInvalid

DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 1000

_STAGES: Final = ("active", "deprecated", "retired")


def page_of(
    models: Sequence[models_pb2.MessageModel], request: models_pb2.ListMessageModelsRequest
) -> models_pb2.ListMessageModelsResponse:
    """A page of the models, which are in order. Raises RequestInvalid for an unknown cursor, stage, or limit."""
    if not 0 <= request.limit <= MAX_LIMIT:
        raise RequestInvalid(f"'limit' must be from 1 to {MAX_LIMIT}, but is {request.limit}.", param="limit")
    if request.after_id and request.before_id:
        raise RequestInvalid("'after_id' and 'before_id' exclude each other; leave out one.", param="before_id")
    for stage in request.lifecycle:
        if stage not in _STAGES:
            raise RequestInvalid(
                f"'lifecycle' must be one of {', '.join(_STAGES)}, but is {stage[:40]!r}.", param="lifecycle"
            )
    stages = tuple(request.lifecycle) or _STAGES[:2]
    shown = [model for model in models if model.lifecycle in stages]
    limit = request.limit or DEFAULT_LIMIT
    if request.before_id:
        rest = shown[: _place(shown, request.before_id, "before_id")]
        page = rest[-limit:]
    else:
        rest = shown[_place(shown, request.after_id, "after_id") + 1 :] if request.after_id else shown
        page = rest[:limit]
    answer = models_pb2.ListMessageModelsResponse(data=page, has_more=len(rest) > len(page))
    if page:
        answer.first_id, answer.last_id = page[0].id, page[-1].id
    return answer


def _place(models: Sequence[models_pb2.MessageModel], model_id: str, param: str) -> int:
    for place, model in enumerate(models):
        if model.id == model_id:
            return place
    raise RequestInvalid(f"'{param}' names no model of this key: {model_id[:100]!r}.", param=param)
