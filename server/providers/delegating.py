"""A dialect that is another one but for what a subclass does differently."""

from collections.abc import Mapping

from server.chat.deployment import Candidate, Deployment
from server.chat.request import ChatRequest
from server.chat.wire import Framing, WireRequest
from server.errors import PerpetuoError
from server.providers.dialect import Answer, Dialect, StreamDecoder


class DelegatingDialect:
    """See `Dialect`; every verb is that of `plain`."""

    __slots__ = ("plain",)

    def __init__(self, plain: Dialect) -> None:
        self.plain = plain

    @property
    def name(self) -> str:
        """See `Dialect.name`."""
        return self.plain.name

    @property
    def framing(self) -> Framing:
        """See `Dialect.framing`."""
        return self.plain.framing

    def build(self, request: ChatRequest, candidate: Candidate, *, is_stream: bool) -> WireRequest:
        """See `Dialect.build`."""
        return self.plain.build(request, candidate, is_stream=is_stream)

    def check(self, deployment: Deployment) -> WireRequest:
        """See `Dialect.check`."""
        return self.plain.check(deployment)

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> Answer:
        """See `Dialect.answer`."""
        return self.plain.answer(status, headers, body)

    def is_stream(self, status: int, headers: Mapping[str, str]) -> bool:
        """See `Dialect.is_stream`."""
        return self.plain.is_stream(status, headers)

    def stream(self) -> StreamDecoder:
        """See `Dialect.stream`."""
        return self.plain.stream()

    def error(self, status: int, headers: Mapping[str, str], body: bytes) -> PerpetuoError:
        """See `Dialect.error`."""
        return self.plain.error(status, headers, body)
