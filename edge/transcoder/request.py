"""Compiles a binding's request side: path values, query and body in, one message out.

Order and precedence: body, then query (never into what path or body own), then path values, then presets; the later
wins. A PATCH changes what it names: where the request has a field `update_mask`, the members of the body fill it,
unless the body has one of its own. It reads no headers and calls nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from edge.transcoder.faults import invalid
from edge.transcoder.field_rules import field_rule
from edge.transcoder.json_decode import Merge, compile_field_decoder, compile_merger
from edge.transcoder.json_scalars import Mismatch
from edge.transcoder.json_text import parse_json
from edge.transcoder.profile import Profile
from edge.transcoder.query import QueryReader, find_field
from edge.transcoder.rule import HTTP_BODY, WHOLE_BODY, BindingError, Rule
from edge.transcoder.text_values import compile_put, compile_text

Build = Callable[[Sequence[str], bytes, bytes, str], Message]
"""From the template's values, the query string, the body and its content type to a request."""

_MASK: Final = "update_mask"
_MASK_TYPE: Final = "google.protobuf.FieldMask"

_PutText = Callable[[Any, str], None]
_PutBody = Callable[[Any, bytes, str], None]


def compile_request(rule: Rule, descriptor: Descriptor, profile: Profile) -> Build:
    """The builder of `descriptor` messages.

    What it returns raises TranscodeError, a 400 that names the path variable, parameter or member.

    Raises:
        BindingError: a preset that does not fit its field.
    """
    message_class = message_factory.GetMessageClass(descriptor)
    put_body = _body(rule, descriptor, profile)
    read_query = _query(rule, descriptor, profile)
    put_path = tuple(_path_value(descriptor, variable.field, profile) for variable in rule.template.variables)
    presets = tuple(_preset(rule, descriptor, name, text, profile) for name, text in rule.presets)

    def build(values: Sequence[str], query: bytes, body: bytes, content_type: str) -> Message:
        message = message_class()
        if put_body is not None:
            put_body(message, body, content_type)
        if query:
            read_query(query, message)
        for put, value in zip(put_path, values, strict=True):
            put(message, value)
        for name, constant in presets:
            setattr(message, name, constant)
        return message

    return build


def is_raw_body(rule: Rule, descriptor: Descriptor) -> bool:
    """True when the body is carried as bytes in a google.api.HttpBody and is not read."""
    return _type_name(descriptor, rule.body) == HTTP_BODY


def _type_name(descriptor: Descriptor, selector: str) -> str:
    if not selector or selector == WHOLE_BODY:
        return descriptor.full_name if selector else ""
    field = descriptor.fields_by_name[selector]
    return field.message_type.full_name if field.message_type is not None and not field.is_repeated else ""


def _body(rule: Rule, descriptor: Descriptor, profile: Profile) -> _PutBody | None:
    if not rule.body:
        return None
    if is_raw_body(rule, descriptor):
        return _raw_body(rule.body)
    if rule.body == WHOLE_BODY:
        merge = compile_merger(descriptor, profile)
    else:
        merge = compile_field_decoder(descriptor.fields_by_name[rule.body], profile)
    max_depth = profile.max_depth
    fields = _maskable(rule, descriptor, profile)
    if fields:
        return _masked_body(merge, fields, max_depth)

    def put(message: Any, body: bytes, content_type: str) -> None:
        if body:
            merge(message, parse_json(body, max_depth))

    return put


def _maskable(rule: Rule, descriptor: Descriptor, profile: Profile) -> Mapping[str, str]:
    """The field that each member of a PATCH names; none where the request has no mask to fill."""
    mask = descriptor.fields_by_name.get(_MASK)
    if (
        rule.http_method != "PATCH"
        or rule.body != WHOLE_BODY
        or mask is None
        or _type_name(descriptor, _MASK) != _MASK_TYPE
    ):
        return {}
    return {
        name: field.name
        for field in descriptor.fields
        if field.name != _MASK
        for name in field_rule(field, profile).input_names
    }


def _masked_body(merge: Merge, fields: Mapping[str, str], max_depth: int) -> _PutBody:
    def put(message: Any, body: bytes, content_type: str) -> None:
        if not body:
            return
        value = parse_json(body, max_depth)
        merge(message, value)
        if not message.HasField(_MASK) and isinstance(value, Mapping):
            message.update_mask.SetInParent()
            message.update_mask.paths.extend(fields[name] for name in value if name in fields)

    return put


def _raw_body(selector: str) -> _PutBody:
    def put(message: Any, body: bytes, content_type: str) -> None:
        raw = message if selector == WHOLE_BODY else getattr(message, selector)
        raw.content_type = content_type
        raw.data = body

    return put


def _query(rule: Rule, descriptor: Descriptor, profile: Profile) -> Callable[[bytes, Message], None]:
    if rule.body == WHOLE_BODY:
        return _refuse_query if profile.strict_query else _ignore_query
    bound = {variable.field for variable in rule.template.variables} | ({rule.body} if rule.body else set())
    return QueryReader(descriptor, profile, bound).read


def _refuse_query(query: bytes, message: Message) -> None:
    raise invalid("This path takes no query parameters: everything is in the body.")


def _ignore_query(query: bytes, message: Message) -> None:
    return None


def _path_value(descriptor: Descriptor, path: str, profile: Profile) -> _PutText:
    *parents, leaf = find_field(descriptor, path)
    names = tuple(field.name for field in parents)
    put_leaf = compile_put(leaf, profile)

    def put(message: Any, text: str) -> None:
        for name in names:
            message = getattr(message, name)
        try:
            put_leaf(message, text)
        except Mismatch as mismatch:
            raise invalid(f"{path} in the path takes {mismatch}.", path) from None

    return put


def _preset(rule: Rule, descriptor: Descriptor, name: str, text: str, profile: Profile) -> tuple[str, object]:
    field: FieldDescriptor = descriptor.fields_by_name[name]
    try:
        return name, compile_text(field, profile)(text)
    except Mismatch as mismatch:
        raise BindingError(f"{rule.source}: preset {name!r} takes {mismatch}") from None
