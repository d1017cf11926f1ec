"""Which dialect serves a request at a provider: its usual one, or one for the form in which the request came."""

from collections.abc import Sequence

from server.chat.deployment import Candidate
from server.chat.request import ChatRequest
from server.chat.wire import WireRequest
from server.errors import ParamUnsupported
from server.providers.delegating import DelegatingDialect
from server.providers.dialect import Dialect
from server.providers.provider import Provider


def dialect_for(row: Provider, request: ChatRequest) -> Dialect:
    """The dialect of a provider for a request. Raises ParamUnsupported where the provider cannot serve its form."""
    native = request.native
    if native is None:
        return row.dialect
    make = row.natives.get(native.face)
    if make is not None:
        return make(native)
    if native.needs:
        raise ParamUnsupported(f"The provider does not do what the request needs: {native.needs}.", param="model")
    return ForeignDialect(row.dialect, native.losses) if native.losses else row.dialect


class ForeignDialect(DelegatingDialect):
    """A dialect for requests that came in another form: what only that form has is reported as lost."""

    __slots__ = ("_losses",)

    def __init__(self, plain: Dialect, losses: Sequence[tuple[str, str]]) -> None:
        super().__init__(plain)
        self._losses = losses

    def build(self, request: ChatRequest, candidate: Candidate, *, is_stream: bool) -> WireRequest:
        """See `Dialect.build`."""
        for member, why in self._losses:
            request.lose(member, why)
        return self.plain.build(request, candidate, is_stream=is_stream)
