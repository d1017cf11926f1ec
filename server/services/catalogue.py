"""CatalogueService: what is publicly known of models, with list prices. It knows no workspace."""

from collections.abc import Collection

from perpetuo.v1 import catalogue_pb2, catalogue_pb2_grpc

from server.catalogue.catalogue import Catalogue, Model
from server.errors import ModelUnknown, RequestInvalid
from server.ledger.list_prices import Cost, list_price
from server.routing.candidates import closest_names
from server.services.calling import Context

MAX_COMPARED = 4


def pricing_message(cost: Cost, source: str, provider: str, model: str) -> catalogue_pb2.CataloguePricing:
    """The list price of a model."""
    price = list_price(cost, provider, model)
    return catalogue_pb2.CataloguePricing(
        input_per_1m=price.input_usd,
        output_per_1m=price.output_usd,
        cached_input_per_1m=price.cached_input_usd,
        source=source,
    )


class CatalogueServicer(catalogue_pb2_grpc.CatalogueServiceServicer):
    """Serves the catalogue.

    `cost` and `price_source` are the published prices and where they come from, `routable` the providers that requests
    can be sent to.
    """

    def __init__(self, catalogue: Catalogue, cost: Cost, price_source: str, routable: Collection[str]) -> None:
        self._catalogue = catalogue
        self._cost = cost
        self._price_source = price_source
        self._routable = routable

    async def ListCatalogueModels(
        self, request: catalogue_pb2.ListCatalogueModelsRequest, context: Context
    ) -> catalogue_pb2.ListCatalogueModelsResponse:
        """The models that fit."""
        return catalogue_pb2.ListCatalogueModelsResponse(models=[self._message(model) for model in self._fit(request)])

    async def GetCatalogueModel(
        self, request: catalogue_pb2.GetCatalogueModelRequest, context: Context
    ) -> catalogue_pb2.GetCatalogueModelResponse:
        """One model."""
        return catalogue_pb2.GetCatalogueModelResponse(model=self._message(self._named(request.model_id)))

    async def CompareCatalogueModels(
        self, request: catalogue_pb2.CompareCatalogueModelsRequest, context: Context
    ) -> catalogue_pb2.CompareCatalogueModelsResponse:
        """Models side by side."""
        asked = len(request.model_ids)
        if not 1 <= asked <= MAX_COMPARED:
            raise RequestInvalid(
                f"'model_ids' must hold 1 to {MAX_COMPARED} models to compare, but holds {asked}.", param="model_ids"
            )
        models = [self._message(self._named(name)) for name in request.model_ids]
        return catalogue_pb2.CompareCatalogueModelsResponse(models=models)

    def _fit(self, request: catalogue_pb2.ListCatalogueModelsRequest) -> list[Model]:
        provider = request.provider.strip().lower()
        known = self._catalogue.providers
        if provider and provider not in known:
            raise RequestInvalid(
                f"'provider' must be one of {', '.join(known)}, but is {provider[:40]!r}.", param="provider"
            )
        if request.min_context < 0:
            raise RequestInvalid("'min_context' must be a number of tokens, 0 or more.", param="min_context")
        return [
            model
            for model in self._catalogue.models
            if (not provider or model.provider == provider)
            and model.context_window_tokens >= request.min_context
            and (not request.HasField("supports_vision") or model.takes_images is request.supports_vision)
        ]

    def _named(self, name: str) -> Model:
        # Clients that escape a whole id send its slashes as %2F, which a path of several segments keeps as written.
        found = self._catalogue.named(name.replace("%2F", "/").replace("%2f", "/"))
        if found is None:
            raise _unknown(name, self._catalogue)
        return found

    def _message(self, model: Model) -> catalogue_pb2.CatalogueModel:
        return catalogue_pb2.CatalogueModel(
            id=self._catalogue.name_of(model),
            provider=model.provider,
            display_name=model.display_name,
            pricing=pricing_message(self._cost, self._price_source, model.provider, model.id),
            specs=catalogue_pb2.CatalogueSpecs(
                context_window=model.context_window_tokens,
                max_output=model.max_output_tokens,
                supports_vision=model.takes_images,
                supports_streaming=True,
                supports_tools=model.tools,
                supports_reasoning=model.reasoning,
                supports_audio=model.takes_audio,
            ),
            performance=catalogue_pb2.CataloguePerformance(
                speed_tier=model.speed_tier, quality_tier=model.quality_tier
            ),
            retires_on=None if model.retires_on is None else model.retires_on.isoformat(),
            aliases=model.aliases,
            is_routable=model.provider in self._routable,
        )


def _unknown(name: str, catalogue: Catalogue) -> ModelUnknown:
    near = closest_names(name, catalogue.by_name)
    hint = f"Did you mean {', '.join(f'`{item}`' for item in near)}?" if near else "GET /api/models lists the models."
    return ModelUnknown(
        f"The catalogue has no model `{name[:200]}`. {hint}",
        param="model_id",
        details={"model": name[:200], "closest": ", ".join(near)},
    )
