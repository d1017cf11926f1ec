"""Requests that came before byte for byte, and whose answer is kept: answered without being read again.

The cache knows answers by a canonical form of their requests, for which a request is taken apart, sorted and written
anew. In front of it stands a digest of the bytes as they came: where workspace, policy, entries, the key's models, the
headers that matter and every byte are the same, so is the canonical form, and with it all that was found out about the
request. What is remembered of a request is that, and never a word of it. A request that is spelled otherwise goes the
long way and finds the same answer.

Whoever has limits is counted here where that needs no wait. What would be refused, or has to wait to be counted, goes
the long way: this answers, and never refuses.
"""

from collections.abc import Awaitable
from hashlib import blake2b
from typing import Final

from msgspec import Struct

from server.cache.kept import AnswerKey, KeptAnswer
from server.chat.answer import GatewayMetadata, Identity, finish_answer
from server.chat.content import KEEPS_CONTENT
from server.chat.ids import ID_PREFIX, same_id
from server.chat.open_end import with_metadata_at
from server.chat.principal import Call
from server.chat.records import OperationRecord, bare
from server.errors import PerpetuoError
from server.limits.metadata import rate_metadata
from server.parts import Parts
from server.routing.attempt import Prices
from server.routing.known import Known
from server.routing.operation import Operation
from server.sharing import Share
from server.telemetry.spans import Answered

MOST: Final = 8_192
"""Requests that are remembered; when there are more, the workspace that has most loses its oldest."""

_DIGEST_BYTES: Final = 32

_Name = tuple[int, int, tuple[str, ...], tuple[tuple[str, str], ...]]


class Seen(Struct, frozen=True):
    """What was found out about a request. `digest` is that of its bytes, `key` leads to its answer.

    Answers older than `max_age_s` do not count; `notes` tell what reading it found odd.
    """

    digest: bytes
    key: AnswerKey
    max_age_s: float
    model: str
    strategy: str
    complexity: str
    notes: tuple[str, ...]


class _Workspace(Struct):
    """What was seen in a workspace as long as its policy and its entries are what `mark` stands for."""

    mark: object
    seen: dict[_Name, Seen]


class Recall:
    """Answers such requests, not streamed, of chat completions as they are read by `parse_chat_request`."""

    def __init__(self, parts: Parts, most: int = MOST) -> None:
        self._parts = parts
        self._most = most
        self._workspaces: dict[str, _Workspace] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def answer(self, call: Call, body: bytes) -> bytes | Awaitable[bytes] | None:
        """The answer, whose operation is in the books by then, or what gives it once it is; None for all others."""
        workspace = self._workspaces.get(call.principal.workspace_id)
        return None if workspace is None else self._answer(call, body, workspace)

    def _answer(self, call: Call, body: bytes, workspace: _Workspace) -> bytes | Awaitable[bytes] | None:
        """The same where something was seen in the workspace."""
        principal, parts = call.principal, self._parts
        workspace_id, began = principal.workspace_id, parts.clock.exact()
        seen = workspace.seen.get(_name(call, body))
        if seen is None or seen.digest != blake2b(body, digest_size=_DIGEST_BYTES).digest():
            return None
        known, now_s = parts.router.known(workspace_id), parts.sharing.now_s()
        if known is None or known.mark is not workspace.mark or self._may_refuse():
            return None
        kept = parts.sharing.answers.find(seen.key, now_s, seen.max_age_s)
        if kept is None or not (parts.admission.is_free(principal) or self._is_admitted(call)):
            return None
        parts.sharing.kept_count += 1
        policy, finish = known.policy.content, kept.finish_reason or ""
        record, finished = self._served(call, seen, kept, known.prices)
        overhead_s = parts.clock.exact() - began
        if policy in KEEPS_CONTENT and (content := parts.contents.begin(policy, body)) is not None:
            content.add((finished,))
            parts.contents.keep(record, content)
        booked = bare(record) if policy == "off" else record
        parts.ledger.record(booked)
        metrics = parts.metrics
        metrics.begin()
        metrics.settle(record, 0.0, overhead_s)
        if parts.tracing is not None:
            parts.tracing.settle(booked, call.traceparent, Answered(finish, ""))
        left = parts.ledger.secured()
        return finished if left is None else self._secured(finished, left)

    def learn(self, operation: Operation, body: bytes, share: Share, known: Known) -> None:
        """Remembers a request whose very answer was found; `known` is what was known as it was read."""
        call, place = operation.call, share.exact_place
        workspace_id = call.principal.workspace_id
        now = self._parts.router.known(workspace_id)
        if operation.is_stream or place is None or now is None or now.mark is not known.mark:
            return
        workspace = self._workspaces.get(workspace_id)
        if workspace is None or workspace.mark is not known.mark:
            self._count -= 0 if workspace is None else len(workspace.seen)
            workspace = self._workspaces[workspace_id] = _Workspace(known.mark, {})
        name = _name(call, body)
        self._count += name not in workspace.seen
        workspace.seen[name] = Seen(
            blake2b(body, digest_size=_DIGEST_BYTES).digest(),
            place[0],
            place[1],
            operation.model_requested,
            operation.ask.strategy,
            operation.ask.complexity.value,
            tuple(operation.notes),
        )
        while self._count > self._most:
            self._forget_one()

    def _forget_one(self) -> None:
        workspace_id, largest = max(self._workspaces.items(), key=lambda item: len(item[1].seen))
        del largest.seen[next(iter(largest.seen))]
        self._count -= 1
        if not largest.seen:
            del self._workspaces[workspace_id]

    def _may_refuse(self) -> bool:
        """Whether anything else than limits or a provider might refuse it: the end of the gateway, or full books."""
        parts = self._parts
        if parts.under_way.is_over:
            return True
        try:
            parts.ledger.check()
        except PerpetuoError:
            return True
        return False

    def _is_admitted(self, call: Call) -> bool:
        """Counts the call of a principal who has limits, and tells where these stand; not if that takes a wait."""
        standings = self._parts.admission.admit_answered(call.principal)
        if standings is None:
            return False
        call.announce(rate_metadata(standings))
        return True

    def _served(self, call: Call, seen: Seen, kept: KeptAnswer, prices: Prices) -> tuple[OperationRecord, bytes]:
        """The record of an operation that has cost nothing and asked nobody, and the finished answer."""
        clock, principal, candidate, request_id = self._parts.clock, call.principal, kept.candidate, call.request_id
        deployment, model, notes = candidate.deployment, candidate.model, seen.notes
        provider = deployment.provider
        if kept.notes:
            notes = tuple(dict.fromkeys((*notes, *kept.notes)))
        now, latency_ms = clock.now(), round((clock.monotonic() - call.received_at) * 1000)
        told = GatewayMetadata(
            model, seen.complexity, 0.0, latency_ms, True, provider, request_id, seen.strategy, 0, [*notes]
        )
        if kept.open_bytes:
            finished = with_metadata_at(kept.body, kept.open_bytes, told)
        else:
            identity = Identity(same_id(ID_PREFIX, request_id), int(now.timestamp()), model)
            finished = finish_answer(kept.body, identity=identity, metadata=told)
        call.announce((("x-perpetuo-attempts", "0"), ("x-perpetuo-provider", provider)))
        record = OperationRecord(
            request_id,
            principal.workspace_id,
            principal.user_id,
            principal.key_id,
            call.surface,
            call.client_request_id,
            seen.model,
            model,
            provider,
            deployment.provider_id,
            seen.strategy,
            seen.complexity,
            False,
            True,
            200,
            "ok",
            kept.usage,
            0,
            latency_ms,
            None,
            now,
            notes,
            (),
            prices.cost_nanousd(provider, model, kept.usage),
        )
        return record, finished

    async def _secured(self, finished: bytes, left: Awaitable[None]) -> bytes:
        """Waits until the disk has the record."""
        under_way = self._parts.under_way
        visit = under_way.enter()
        try:
            await left
        except BaseException as error:
            visit.tell(error)
            raise
        finally:
            under_way.leave(visit)
        return finished


def _name(call: Call, body: bytes) -> _Name:
    """By what a request is looked for. The hash only finds it; whether it is the same, its digest tells."""
    knobs = call.knobs
    return hash(body), len(body), call.principal.allowed_models, tuple(sorted(knobs.items())) if knobs else ()
