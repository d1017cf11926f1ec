"""ModelsService: what a gateway key may name as `model`."""

from collections.abc import Awaitable, Callable, Sequence

from perpetuo.v1 import models_pb2, models_pb2_grpc

from server.chat.deployment import Deployment
from server.routing.candidates import FactsOf, Listed, listed_models, unknown_model
from server.services.calling import Calls, Context

DeploymentsOf = Callable[[str], Awaitable[Sequence[Deployment]]]


def _message(listed: Listed) -> models_pb2.Model:
    return models_pb2.Model(id=listed.name, object="model", created=0, owned_by=listed.provider)


class ModelsServicer(models_pb2_grpc.ModelsServiceServicer):
    """Serves the list of models."""

    def __init__(self, deployments_of: DeploymentsOf, facts_of: FactsOf, calls: Calls) -> None:
        self._deployments_of = deployments_of
        self._facts_of = facts_of
        self._calls = calls

    async def _listed(self) -> list[Listed]:
        principal = self._calls.principal()
        return listed_models(await self._deployments_of(principal.workspace_id), principal, self._facts_of)

    async def ListModels(
        self, request: models_pb2.ListModelsRequest, context: Context
    ) -> models_pb2.ListModelsResponse:
        """The models of this key."""
        listed = await self._listed()
        return models_pb2.ListModelsResponse(object="list", data=[_message(item) for item in listed])

    async def GetModel(self, request: models_pb2.GetModelRequest, context: Context) -> models_pb2.GetModelResponse:
        """One model of this key."""
        listed = await self._listed()
        # Clients that escape a whole id send its slashes as %2F, which a path of several segments keeps as written.
        name = request.model.replace("%2F", "/").replace("%2f", "/")
        for item in listed:
            if name in (item.name, f"{item.provider}/{item.name}"):
                return models_pb2.GetModelResponse(model=_message(item))
        raise unknown_model(name, [item.name for item in listed])
