"""The end of a stream: which chunks go out as they come, and what the last one carries.

Pure: chunks in, event data out. The chunk with the finish reason is held until the usage or the end is seen, so that
the last chunk before the end can tell how the gateway got the answer. A chunk that only tells the usage is shown to
clients that asked for it, and to no others.

State: `held` is the chunk with the finish reason (or the usage chunk, if asked for); everything else has gone out.
"""

from collections.abc import Sequence

import msgspec

from server.chat.answer import ChunkFacts, GatewayMetadata, Identity, finish_chunk, identify_chunk
from server.chat.estimate import STREAMED_BYTES_PER_TOKEN, STREAMED_MEMBER_BYTES
from server.chat.usage import Usage
from server.providers.dialect import Chunk

_OURS = "chatcmpl-"


class StreamTail:
    """Follows one stream from its first chunk to its last.

    `identity` is shown where the upstream's id does not begin with `chatcmpl-`. `wants_usage`: the client asked for a
    usage chunk. `choices` is how many answers the stream holds.
    """

    def __init__(self, identity: Identity, *, wants_usage: bool = False, choices: int = 1) -> None:
        self._identity = identity
        self.wants_usage = wants_usage
        self.choices = choices
        self._rewrites_id: bool | None = None
        self._held: bytes | None = None
        self._usage_chunk: bytes | None = None
        self._last: ChunkFacts | None = None
        self.usage: Usage | None = None
        self.begun: Usage | None = None
        self._content_chunks = 0
        self._content_bytes = 0
        self._least_bytes = 0
        self.model = ""
        self.finish_reason = ""
        self._finished = 0

    def feed(self, chunks: Sequence[Chunk]) -> list[bytes]:
        """The event data that goes out now, for chunks that came together."""
        out: list[bytes] = []
        for chunk in chunks:
            facts = chunk.facts
            if facts is self._last and facts.has_content and self._held is None and self._rewrites_id is False:
                # More of the same, as nearly every chunk is: nothing is new but the text.
                data = chunk.data
                size = len(data)
                self._content_chunks += 1
                self._content_bytes += size
                if size < self._least_bytes:
                    self._least_bytes = size
                out.append(data)
            else:
                self._take(chunk, out)
        return out

    def takes_more(self, facts: ChunkFacts) -> bool:
        """Whether chunks that say just what the last one said, which had these facts, go out as they came."""
        return facts is self._last and facts.has_content and self._held is None and self._rewrites_id is False

    def count_more(self, count: int, size_bytes: int, least_bytes: int) -> None:
        """Counts such chunks that have gone out: their data together, and that of the smallest."""
        self._content_chunks += count
        self._content_bytes += size_bytes
        if least_bytes < self._least_bytes:
            self._least_bytes = least_bytes

    def _take(self, chunk: Chunk, out: list[bytes]) -> None:
        facts = chunk.facts
        if facts.usage is not None:
            self._count(facts.usage)
        data = chunk.data if self._rewrites_id is False else self._with_our_id(chunk.data, facts)
        if facts.is_usage_only:
            self._usage_chunk = data
            return
        self._last = facts
        self.model = facts.model or self.model
        size = len(chunk.data)
        if facts.has_content:
            self._content_chunks += 1
            self._content_bytes += size
        if not self._least_bytes or size < self._least_bytes:
            self._least_bytes = size
        if self._held is not None:
            out.append(self._held)
            self._held = None
        if facts.finish_reason:
            self._finished += 1 + facts.more_finished
            self.finish_reason = self.finish_reason or facts.finish_reason
            self._held = data
        else:
            out.append(data)

    def answers_as(self, model: str) -> None:
        """Tells which model answers, for upstreams that do not."""
        self._identity = Identity(self._identity.id, self._identity.created, model)

    def _count(self, usage: Usage) -> None:
        """Usage that is marked as estimated is only that of the beginning: what was said of the prompt."""
        if usage.is_estimated:
            self.begun = usage
        else:
            self.usage = usage

    @property
    def estimated_tokens(self) -> int:
        """About how many tokens came: one for each piece of content at least, and more where the pieces are large.

        What every piece has around its content is about as large as the smallest of them.
        """
        around_bytes = self._content_chunks * (self._least_bytes + STREAMED_MEMBER_BYTES)
        return max(self._content_chunks, (self._content_bytes - around_bytes) // STREAMED_BYTES_PER_TOKEN)

    def _with_our_id(self, data: bytes, facts: ChunkFacts) -> bytes:
        if self._rewrites_id is None:
            self._rewrites_id = not (facts.id or "").startswith(_OURS)
            if not self._rewrites_id:
                self._identity = Identity(facts.id or self._identity.id, self._identity.created, self._identity.model)
        return identify_chunk(data, self._identity) if self._rewrites_id else data

    @property
    def has_usage(self) -> bool:
        """Whether nothing more is needed to close the stream."""
        return (
            self._finished >= self.choices
            and self.usage is not None
            and (self._usage_chunk is not None or not self.wants_usage)
        )

    def close(self, metadata: GatewayMetadata, usage: Usage) -> list[bytes]:
        """The last event data: the held chunk and, if asked for, the usage chunk; the last one carries the metadata."""
        last = self._usage_chunk if self.wants_usage else None
        if self.wants_usage and last is None:
            last = self._bare_chunk(usage)
        if last is None:
            last, self._held = self._held, None
        out = [] if self._held is None else [self._held]
        self._held = None
        out.append(finish_chunk(last or self._bare_chunk(None), identity=self._identity, metadata=metadata))
        return out

    def _bare_chunk(self, usage: Usage | None) -> bytes:
        members: dict[str, object] = {
            "id": self._identity.id,
            "object": "chat.completion.chunk",
            "created": self._identity.created,
            "model": self.model or self._identity.model,
            "choices": [],
        }
        if usage is not None:
            members["usage"] = _in_openais_form(usage)
        return msgspec.json.encode(members)


def _in_openais_form(usage: Usage) -> dict[str, object]:
    """The usage with those of its parts that are known."""
    made: dict[str, object] = {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }
    inside = {"cached_tokens": usage.cache_read_tokens, "cache_write_tokens": usage.cache_write_tokens}
    if any(inside.values()):
        made["prompt_tokens_details"] = {name: tokens for name, tokens in inside.items() if tokens}
    if usage.reasoning_tokens:
        made["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return made
