"""The first half of a request's way: what was sent becomes a request, and who may serve it is found.

Most requests have no part in what the cache keeps, and all that is known of their workspace is at hand: they are
prepared at once, without a wait. What has to be loaded, and what others may have an answer to, is waited for. This must
not count a call, nor ask a provider.
"""

from collections.abc import Awaitable

from msgspec import UNSET, structs

from server.cache.control import NOTHING, CacheUse, use_of
from server.cache.fingerprint import fingerprint
from server.chat.content import KEEPS_CONTENT
from server.chat.knobs import NO_KNOBS, knobs_from
from server.chat.policy import RoutingPolicy
from server.chat.request import parse_chat_request
from server.parts import Parts
from server.prepared import Prepared, Read
from server.recall import Recall
from server.routing.known import Known
from server.routing.operation import MOST_MODEL_CHARS, Operation
from server.semantic import Ask
from server.sharing import Share


class Preparing:
    """Prepares requests. `recall` learns which have an answer already, `complete` serves those of the gateway's own."""

    def __init__(self, parts: Parts, recall: Recall, complete: Ask) -> None:
        self._router = parts.router
        self._sharing = parts.sharing
        self._semantic = parts.semantic
        self._contents = parts.contents
        self._prices_of = parts.prices_of
        self._recall = recall
        self._complete = complete

    def prepare(self, operation: Operation, body: bytes, read: Read) -> Prepared | Awaitable[Prepared]:
        """The request as it was read, with those who may serve it unless the answer is here already.

        Raises RequestInvalid for what is wrong with it, and the decision's error where nobody may serve it.
        """
        known_of = self._router.known  # loaded first: a call of what a member holds is slow otherwise
        known = known_of(operation.call.principal.workspace_id)
        if known is None:
            return self._prepare_unknown(operation, body, read)
        policy = known.policy
        prepared, use = self._read(operation, body, read, policy)
        operation.prices = known.prices
        if use is not NOTHING:
            return self._prepare_shared(prepared, body, use, known if read is parse_chat_request else None)
        operation.candidates = self._router.candidates(operation.ask, prepared.request, operation.call, policy, known)
        return prepared

    async def prepared(self, operation: Operation, body: bytes, read: Read) -> Prepared:
        """The same for who can wait in any case."""
        prepared = self.prepare(operation, body, read)
        return prepared if isinstance(prepared, Prepared) else await prepared

    async def _prepare_unknown(self, operation: Operation, body: bytes, read: Read) -> Prepared:
        """The same where something has to be loaded first."""
        workspace_id = operation.call.principal.workspace_id
        policy = await self._router.policy(workspace_id)
        prepared, use = self._read(operation, body, read, policy)
        if self._prices_of is not None:
            operation.prices = await self._prices_of(workspace_id)
        if use is not NOTHING:
            return await self._prepare_shared(prepared, body, use, None)
        operation.candidates = await self._router.decided(operation.ask, prepared.request, operation.call, policy)
        return prepared

    def _read(self, operation: Operation, body: bytes, read: Read, policy: RoutingPolicy) -> tuple[Prepared, CacheUse]:
        """The request, and what it lets the cache do. Its share and its candidates are yet to be found."""
        operation.content_policy = policy.content
        if policy.timeout_s is not None:
            operation.end_within(policy.timeout_s)
        call = operation.call
        if policy.content in KEEPS_CONTENT:
            operation.content = self._contents.begin(policy.content, body)
        request = read(body, stream=operation.is_stream)
        view, headers = request.view, call.knobs
        operation.notes = request.notes
        model = view.model or ""
        operation.model_requested = model if len(model) <= MOST_MODEL_CHARS else model[:MOST_MODEL_CHARS]
        mode, hedges = policy.stream_mode, policy.hedges
        if view.gateway is UNSET and not headers:
            knobs, use = NO_KNOBS, use_of(view, None, None, policy.cache)
        else:
            knobs = knobs_from(request, headers)
            request.is_strict = knobs.strict is True
            use = use_of(view, knobs.cache, headers.get("cache-control"), policy.cache)
            mode, hedges = knobs.stream_mode or mode, hedges if knobs.hedge is None else knobs.hedge
        operation.ask = self._router.weigh(request, knobs, call, policy, is_repeatable=use.reads)
        return Prepared(operation, request, policy, None, mode, hedges), use

    async def _prepare_shared(self, prepared: Prepared, body: bytes, use: CacheUse, known: Known | None) -> Prepared:
        """With its part in what is kept and what is under way, and with those who may serve it if need be.

        `known` is what was known as it was read, None where nothing is to be learnt of it.
        """
        operation, router = prepared.operation, self._router
        workspace_id = operation.call.principal.workspace_id
        share = await self._share(prepared, use)
        if share is None or not share.has_kept():
            # Others may have run while it was looked for.
            what, now = (operation.ask, prepared.request, operation.call, prepared.policy), router.known(workspace_id)
            candidates = None if now is None else router.candidates(*what, now)
            operation.candidates = candidates or await router.decided(*what)
        elif known is not None:
            self._recall.learn(operation, body, share, known)
        return structs.replace(prepared, share=share)

    async def _share(self, prepared: Prepared, use: CacheUse) -> Share | None:
        """The request's part in what is kept and what is under way; None if it must have none."""
        operation, request = prepared.operation, prepared.request
        call, principal = operation.call, operation.call.principal
        entries = await self._router.entries(principal.workspace_id)
        scope = self._sharing.scopes.of(principal, operation.ask.strategy, entries)
        if (key := fingerprint(request, scope)) is None:
            return None
        share = self._sharing.share((principal.workspace_id, key), use, call.deadline, prepared.mode)
        share.notes = operation.notes
        if use.is_semantic and self._semantic is not None:
            await self._semantic.look(self._complete, share, operation, request, scope)
        return share
