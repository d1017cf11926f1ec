"""What is kept of responses, around a call: looked up before it, and written before its end goes out."""

from collections.abc import Awaitable, Callable

from msgspec import Raw

from server.chat.policy import RoutingPolicy
from server.chat.principal import Call
from server.errors import ParamUnsupported, PerpetuoError, RequestInvalid, ResourceNotFound
from server.ingress.responses.face import Before, ResponsesFace, Wish, wish_of
from server.ingress.responses.kept import history_of
from server.ingress.responses.references import items_of, references, response_of, with_items
from server.ledger.responses import KeptResponses, NewResponse

_MOST_REFERRED = 20
"""Responses that the items of one request may be of."""

FirstId = Callable[[Call], Awaitable[str]]
"""The id of the request whose answer a call will have: its own, unless it repeats another."""

PolicyOf = Callable[[str], Awaitable[RoutingPolicy]]
"""The policy of a workspace, by its id."""


async def own_id(call: Call) -> str:
    """The id of a call where none is repeated."""
    return call.request_id


class ResponseStates:
    """States of responses, by the workspace of the caller's key and as its content policy allows."""

    def __init__(self, kept: KeptResponses, policy_of: PolicyOf, first_id: FirstId = own_id) -> None:
        self.kept = kept
        self._policy_of = policy_of
        self._first_id = first_id

    async def resolved(self, call: Call, body: bytes) -> bytes:
        """The request with the items of kept responses in the place of references to them, as far as they are kept."""
        ids = references(body)
        if not ids:
            return body
        wish, found = wish_of(body), dict[str, Raw]()
        responses = [wish.previous_response_id or "", *map(response_of, ids)]
        for response_id in list(dict.fromkeys(filter(None, responses)))[:_MOST_REFERRED]:
            try:
                kept = await self.kept.get(call.principal.workspace_id, response_id)
            except ResourceNotFound:
                continue
            found |= items_of(response_id, kept.items, kept.response)
        return with_items(body, found)

    async def face(self, call: Call, body: bytes) -> ResponsesFace:
        """The face of a request; what it goes on from is looked up, and refused when it is read."""
        wish = wish_of(body)
        response_id = "resp_" + (await self._first_id(call)).removeprefix("req_")
        if not wish.store and not wish.previous_response_id:
            return ResponsesFace(response_id)
        try:
            return ResponsesFace(response_id, await self._before(call.principal.workspace_id, wish))
        except PerpetuoError as error:
            return ResponsesFace(response_id, Before(refusal=error))

    async def end(self, call: Call, face: ResponsesFace, events: list[bytes]) -> list[bytes]:
        """Keeps a response whose end these events, or this answer, are; tells in them if that was not possible."""
        if not face.is_kept:
            return events
        new = NewResponse(
            call.principal.workspace_id, face.id, face.items, face.result, is_redacted=face.before.is_redacted
        )
        why = await self.kept.keep(new)
        return face.without_keeping(events, why) if why else events

    async def _before(self, workspace_id: str, wish: Wish) -> Before:
        policy = (await self._policy_of(workspace_id)).content
        if wish.store and policy == "off":
            raise ParamUnsupported(
                "The workspace's content policy is 'off', so that no response is kept; leave out 'store' and send the "
                "items of the conversation.",
                param="store",
            )
        if not wish.previous_response_id:
            return Before(is_redacted=policy == "redacted")
        try:
            kept = await self.kept.get(workspace_id, wish.previous_response_id)
        except ResourceNotFound:
            raise RequestInvalid(
                "'previous_response_id' names no response that is kept for this key's workspace; make it with "
                "'\"store\": true', or send the items of the conversation.",
                param="previous_response_id",
            ) from None
        return Before(history_of(kept.items, kept.response), is_redacted=policy == "redacted")
