"""What is known of a method before it is called: its name, how its messages are coded, the plain way to call it."""

from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.message import Message


class Method:
    """A method, with everything about it that does not change from call to call."""

    def __init__(
        self,
        name: str,
        coders: tuple[Callable[[Any], bytes] | None, Callable[[bytes], Any] | None],
        plain: Callable[..., Any],
        limits_bytes: tuple[int, int],
        *,
        is_stream: bool,
    ) -> None:
        self.name = name
        self.write: Callable[[Any], bytes] = coders[0] or bytes
        self.read: Callable[[bytes], Any] = coders[1] or bytes
        self.plain = plain
        self.max_send_bytes, self.max_receive_bytes = limits_bytes
        self.is_stream = is_stream
        owner = getattr(coders[1], "__self__", None)
        self._kind = owner if isinstance(owner, type) and issubclass(owner, Message) else None
        fields = () if self._kind is None else self._kind.DESCRIPTOR.fields
        self._list_field = fields[0].name if len(fields) == 1 else ""

    def of_entries(self, entries: Sequence[bytes]) -> Any:
        """The response whose only field is this list."""
        assert self._kind is not None
        return self._kind(**{self._list_field: entries})

    def write_entries(self, entries: Sequence[bytes]) -> bytes:
        """The same, serialised."""
        raw: bytes = self.of_entries(entries).SerializeToString()
        return raw
