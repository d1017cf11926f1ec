"""ModelsService: what a gateway key may name as `model`, and what the catalogue knows of it.

In OpenAI's shape and in Anthropic's; the models are the same.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, time

from perpetuo.v1 import models_pb2, models_pb2_grpc

from server.catalogue.catalogue import Catalogue
from server.chat.deployment import Deployment
from server.ledger.workspace_prices import WorkspacePrices
from server.routing.candidates import FactsOf, Listed, listed_models, unknown_model
from server.services.calling import Calls, Context
from server.services.catalogue import pricing_message
from server.services.model_pages import page_of

DeploymentsOf = Callable[[str], Awaitable[Sequence[Deployment]]]
PricesOf = Callable[[str], Awaitable[WorkspacePrices]]


class Described:
    """Makes messages of models from the catalogue and the prices that hold in the workspace."""

    def __init__(self, catalogue: Catalogue, prices_of: PricesOf) -> None:
        self._catalogue = catalogue
        self._prices_of = prices_of

    async def messages(self, listed: Sequence[Listed], workspace_id: str) -> list[models_pb2.Model]:
        """The models as messages. Raises StoreUnavailable."""
        prices = await self._prices_of(workspace_id)
        return [self._message(item, prices) for item in listed]

    def _message(self, listed: Listed, prices: WorkspacePrices) -> models_pb2.Model:
        """The model in OpenAI's shape, and more."""
        source = prices.version_of(listed.provider, listed.model)
        model = models_pb2.Model(
            id=listed.name,
            object="model",
            created=0,
            owned_by=listed.provider,
            pricing=pricing_message(prices.cost_nanousd, source, listed.provider, listed.model),
        )
        known = self._catalogue.find(listed.provider, listed.model)
        if known is not None:
            model.display_name = known.display_name
            model.context_window = known.context_window_tokens
            model.max_output = known.max_output_tokens
            model.supports_vision = known.takes_images
            model.supports_tools = known.tools
            model.supports_reasoning = known.reasoning
            if known.retires_on is not None:
                model.retires_on = known.retires_on.isoformat()
        return model

    def message_model(self, listed: Listed) -> models_pb2.MessageModel:
        """The model in Anthropic's shape."""
        known = self._catalogue.find(listed.provider, listed.model)
        model = models_pb2.MessageModel(id=listed.name, type="model", display_name=listed.name, lifecycle="active")
        model.created_at.SetInParent()
        if known is not None:
            model.display_name = known.display_name or listed.name
            model.max_input_tokens = known.context_window_tokens
            model.max_tokens = known.max_output_tokens
            if known.retires_on is not None:
                is_retired = known.is_retired(datetime.now(UTC).date())
                model.lifecycle = "retired" if is_retired else "deprecated"
                model.retires_at.FromDatetime(datetime.combine(known.retires_on, time(), UTC))
        return model


class ModelsServicer(models_pb2_grpc.ModelsServiceServicer):
    """Serves the list of models."""

    def __init__(self, deployments_of: DeploymentsOf, facts_of: FactsOf, calls: Calls, described: Described) -> None:
        self._deployments_of = deployments_of
        self._facts_of = facts_of
        self._calls = calls
        self._described = described

    async def _listed(self) -> list[Listed]:
        principal = self._calls.principal()
        return listed_models(await self._deployments_of(principal.workspace_id), principal, self._facts_of)

    async def _messages(self, listed: Sequence[Listed]) -> list[models_pb2.Model]:
        return await self._described.messages(listed, self._calls.principal().workspace_id)

    async def ListModels(
        self, request: models_pb2.ListModelsRequest, context: Context
    ) -> models_pb2.ListModelsResponse:
        """The models of this key."""
        data = await self._messages(await self._listed())
        return models_pb2.ListModelsResponse(object="list", data=data)

    async def GetModel(self, request: models_pb2.GetModelRequest, context: Context) -> models_pb2.GetModelResponse:
        """One model of this key."""
        [model] = await self._messages([await self._named(request.model)])
        return models_pb2.GetModelResponse(model=model)

    async def ListMessageModels(
        self, request: models_pb2.ListMessageModelsRequest, context: Context
    ) -> models_pb2.ListMessageModelsResponse:
        """The models of this key, a page of them."""
        return page_of([self._described.message_model(item) for item in await self._listed()], request)

    async def GetMessageModel(
        self, request: models_pb2.GetMessageModelRequest, context: Context
    ) -> models_pb2.GetMessageModelResponse:
        """One model of this key."""
        found = await self._named(request.model)
        return models_pb2.GetMessageModelResponse(model=self._described.message_model(found))

    async def _named(self, asked: str) -> Listed:
        listed = await self._listed()
        # Clients that escape a whole id send its slashes as %2F, which a path of several segments keeps as written.
        name = asked.replace("%2F", "/").replace("%2f", "/")
        for item in listed:
            if name in (item.name, f"{item.provider}/{item.name}"):
                return item
        raise unknown_model(name, [item.name for item in listed])
