"""What a provider would not get of a request as it was asked, told before anybody is asked."""

from server.chat.deployment import Candidate
from server.chat.media import is_for_bytes
from server.chat.request import ChatRequest
from server.errors import PerpetuoError
from server.providers.dialect import Dialect


def notes_in_advance(request: ChatRequest, candidate: Candidate, dialect: Dialect) -> list[str]:
    """The notes that an answer of the candidate would carry; what it would be refused for is the last of them.

    Nothing is sent, and the request is as it was.
    """
    request.forget()
    try:
        dialect.build(request, candidate, is_stream=request.is_stream)
    except PerpetuoError as refusal:
        told = f"{refusal.param} has to be fetched: the provider takes only bytes."
        return [*request.told, told if is_for_bytes(refusal) else refusal.message]
    else:
        return list(request.told)
    finally:
        request.forget()
