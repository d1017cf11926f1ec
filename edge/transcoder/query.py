"""A query string into the fields of a request message.

Names are the fields' proto or JSON names, joined by dots; a repeated field takes its parameter several times, commas do
not split. `+` is a space. Fields that the path or the body owns are not touched, nor is anything unknown, unless the
profile is strict. Message types are compiled once, so that a request costs dictionary look-ups only.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from msgspec import Struct

from edge.transcoder.faults import TranscodeError, invalid
from edge.transcoder.field_rules import field_rule
from edge.transcoder.json_scalars import Mismatch
from edge.transcoder.percent import MalformedEscapeError, decode
from edge.transcoder.profile import Profile
from edge.transcoder.text_values import Put, compile_put, is_textual

_SHOWN_CHARS: Final = 100


class _Field(Struct, frozen=True):
    """One field as a step of a parameter's name. `put` is None where text has no meaning."""

    name: str
    put: Put | None
    is_repeated: bool
    oneof: str | None
    inner: "Mapping[str, _Field] | None"
    """The fields of a singular message; None where a name cannot go on."""


class _Seen:
    """What one query string has set so far: parameters by full name, and of each oneof the member."""

    __slots__ = ("members", "names")

    def __init__(self, members: Mapping[tuple[str, str], str]) -> None:
        self.names: set[str] = set()
        self.members = dict(members)

    def mark(self, parents: str, field: _Field, parameter: str) -> None:
        if field.oneof is None:
            return
        if self.members.setdefault((parents, field.oneof), field.name) != field.name:
            raise _refuse(parameter, f"excludes another one that is given: both set {field.oneof}")


class QueryReader:
    """Reads query strings into one message type."""

    def __init__(self, descriptor: Descriptor, profile: Profile, bound: Collection[str] = ()) -> None:
        """Compiles every message type that parameters can reach.

        Args:
            descriptor: the request's type.
            profile: spelling and strictness.
            bound: paths of proto names, such as `book.name`, that belong to the path or the body.
        """
        self._fields = _Compiler(profile).fields(descriptor)
        self._bound = frozenset(bound)
        self._members = dict(_bound_members(descriptor, self._bound))
        self._is_strict = profile.strict_query
        self._max_depth = profile.max_depth

    def read(self, query: bytes, message: Message) -> None:
        """Sets what `query`, without its `?`, says.

        Raises:
            TranscodeError: 400, naming the parameter.
        """
        seen = _Seen(self._members)
        for name, text in parameters(query):
            self._set(message, name, text, seen)

    def _set(self, message: Any, parameter: str, text: str, seen: _Seen) -> None:
        steps = self._resolve(parameter)
        if steps is None:
            return
        parents = ""
        for field in steps[:-1]:
            seen.mark(parents, field, parameter)
            parents = f"{parents}{field.name}."
            message = getattr(message, field.name)
        leaf = steps[-1]
        seen.mark(parents, leaf, parameter)
        if not leaf.is_repeated:
            if parents + leaf.name in seen.names:
                raise _refuse(parameter, "is given more than once")
            seen.names.add(parents + leaf.name)
        if leaf.put is None:
            raise _refuse(parameter, "names what only a body can hold")
        try:
            leaf.put(message, text)
        except Mismatch as mismatch:
            raise _refuse(parameter, f"takes {mismatch}") from None

    def _resolve(self, parameter: str) -> list[_Field] | None:
        """The fields that a parameter's name steps through; None for one to ignore."""
        if parameter.count(".") >= self._max_depth:
            raise _refuse(parameter, f"is nested more than {self._max_depth} levels deep")
        fields: Mapping[str, _Field] | None = self._fields
        steps: list[_Field] = []
        path = ""
        for name in parameter.split("."):
            if fields is None:
                raise _refuse(parameter, f"goes on after {steps[-1].name}, which has no fields")
            field = fields.get(name)
            if field is None:
                self._ignore(parameter, "is unknown")
                return None
            path = f"{path}.{field.name}" if path else field.name
            if path in self._bound:
                self._ignore(parameter, "belongs to the path or the body")
                return None
            steps.append(field)
            fields = field.inner
        return steps

    def _ignore(self, parameter: str, problem: str) -> None:
        if self._is_strict:
            raise _refuse(parameter, problem)


def parameters(query: bytes) -> Iterator[tuple[str, str]]:
    """The names and values of a query string, decoded, in their order.

    Raises:
        TranscodeError: 400, a malformed escape or bytes that are not UTF-8.
    """
    try:
        for piece in query.decode().split("&"):
            if piece:
                name, _, value = piece.replace("+", " ").partition("=")
                yield decode(name), decode(value)
    except UnicodeDecodeError as error:
        raise invalid("The query string is not UTF-8 text.") from error
    except MalformedEscapeError as error:
        raise invalid(f"The query string holds a malformed percent escape: {error}.") from error


def find_field(descriptor: Descriptor, path: str) -> list[FieldDescriptor]:
    """The fields that a path of proto names steps through.

    Raises:
        ValueError: no such field, or a step into something that is not a singular message.
    """
    fields: list[FieldDescriptor] = []
    inner: Descriptor | None = descriptor
    for name in path.split("."):
        if inner is None:
            raise ValueError(f"{fields[-1].full_name} has no fields that a path could name")
        field = inner.fields_by_name.get(name)
        if field is None:
            raise ValueError(f"{inner.full_name} has no field {name!r}")
        fields.append(field)
        inner = None if field.is_repeated or is_textual(field) else field.message_type
    return fields


def _bound_members(descriptor: Descriptor, bound: Collection[str]) -> Iterator[tuple[tuple[str, str], str]]:
    """The oneofs that bound fields have decided: a query parameter must not decide them anew."""
    for path in bound:
        parents = ""
        for field in find_field(descriptor, path):
            if field.containing_oneof is not None:
                yield (parents, field.containing_oneof.name), field.name
            parents = f"{parents}{field.name}."


def _refuse(parameter: str, problem: str) -> TranscodeError:
    shown = parameter if len(parameter) <= _SHOWN_CHARS else parameter[:_SHOWN_CHARS] + "…"
    return invalid(f"The query parameter {shown} {problem}.", shown)


class _Compiler:
    """Compiles each message type once; recursive types share one mapping."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._done: dict[str, dict[str, _Field]] = {}

    def fields(self, descriptor: Descriptor) -> Mapping[str, _Field]:
        known = self._done.get(descriptor.full_name)
        if known is not None:
            return known
        fields = self._done[descriptor.full_name] = {}
        for field in descriptor.fields:
            rule = field_rule(field, self._profile)
            compiled = self._field(field, is_textual(field) and not rule.is_raw_json)
            for name in rule.input_names:
                fields.setdefault(name, compiled)
        return fields

    def _field(self, field: FieldDescriptor, textual: bool) -> _Field:
        nested = field.message_type if not textual and not field.is_repeated else None
        return _Field(
            name=field.name,
            put=compile_put(field, self._profile) if textual else None,
            is_repeated=field.is_repeated,
            oneof=field.containing_oneof.name if field.containing_oneof is not None else None,
            inner=None if nested is None else self.fields(nested),
        )
