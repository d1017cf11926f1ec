"""What a method's options say about HTTP, read from its descriptor and checked, before anything is compiled.

Sources: `google.api.http` and the options of `perpetuo.rest.v1`. Every complaint names file, method and binding, and is
raised at start, never for a request.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from google.api import annotations_pb2 as http_options
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from msgspec import Struct
from msgspec.structs import replace
from perpetuo.rest.v1 import annotations_pb2 as rest_options

from edge.transcoder.query import find_field
from edge.transcoder.template import Template, TemplateError, parse_template
from edge.transcoder.text_values import is_textual

WHOLE_BODY: Final = "*"
HTTP_BODY: Final = "google.api.HttpBody"


class BindingError(ValueError):
    """A method whose HTTP options cannot be served."""


class Rule(Struct, frozen=True):
    """One HTTP binding of a method, checked against its messages.

    `body` and `response_body` are as in google.api.http: `*`, a field's name, or empty. `presets` are field names and
    the texts of their values. `source` is file, method and binding, for messages.
    """

    http_method: str
    template: Template
    body: str
    response_body: str
    envelope: rest_options.Envelope.ValueType
    presets: tuple[tuple[str, str], ...]
    source: str


def read_rules(method: MethodDescriptor) -> list[Rule]:
    """The bindings of a method, in order of declaration; none if REST does not reach it.

    Raises:
        BindingError: a rule that cannot be served.
    """
    where = f"{method.containing_service.file.name}: {method.containing_service.full_name}.{method.name}"
    declared = list(_http_rules(method, where))
    extras = _extras(method, where)
    rules = [_rule(method, http, extras, where) for http in declared]
    if extras:
        raise BindingError(f"{where}: no binding is {next(iter(extras))!r}, which (perpetuo.rest.v1.bindings) selects")
    return rules


def twin_of(method: MethodDescriptor) -> MethodDescriptor | None:
    """The streaming twin that the method names; None if it names none.

    Raises:
        BindingError: the twin is missing, does not stream, or its owner streams itself.
    """
    name = method.GetOptions().Extensions[rest_options.stream_twin]
    if not name:
        return None
    where = f"{method.containing_service.file.name}: {method.containing_service.full_name}.{method.name}"
    twin = method.containing_service.methods_by_name.get(name)
    if twin is None or not twin.server_streaming:
        raise BindingError(f"{where}: stream_twin {name!r} is not a server-streaming method of the same service")
    if method.server_streaming:
        raise BindingError(f"{where}: a method that streams cannot have a stream_twin")
    return twin


def header_twin_of(method: MethodDescriptor) -> tuple[bytes, MethodDescriptor] | None:
    """The header and the method that takes over for requests with it; None if the method names none.

    Raises:
        BindingError: no header, or a method that is missing or streams.
    """
    named = method.GetOptions().Extensions[rest_options.header_twin]
    if not named.method:
        return None
    where = f"{method.containing_service.file.name}: {method.containing_service.full_name}.{method.name}"
    twin = method.containing_service.methods_by_name.get(named.method)
    if twin is None or twin.server_streaming:
        raise BindingError(f"{where}: header_twin {named.method!r} is not a unary method of the same service")
    if not named.header or named.header != named.header.lower():
        raise BindingError(f"{where}: header_twin needs the name of a header in lower case")
    return named.header.encode(), twin


def rule_for_twin(rule: Rule, twin: MethodDescriptor) -> Rule:
    """The rule as it binds a twin, whose messages hold `response_body` or are the answer or events themselves.

    Raises:
        BindingError: a field of the request that the twin has not.
    """
    has_field = rule.response_body in twin.output_type.fields_by_name
    twin_rule = replace(rule, response_body=rule.response_body if has_field else "")
    _check_messages(twin_rule, twin)
    return twin_rule


def _check_messages(rule: Rule, method: MethodDescriptor) -> None:
    """Holds a rule against the messages of `method`, which is the rule's own or its streaming twin."""
    if method.client_streaming:
        raise BindingError(f"{rule.source}: a client stream has no HTTP mapping")
    for variable in rule.template.variables:
        _check_variable(rule, method.input_type, variable.field)
    if rule.body not in ("", WHOLE_BODY):
        _top_level(method.input_type, rule.body, f"{rule.source}: body")
    if rule.response_body:
        _top_level(method.output_type, rule.response_body, f"{rule.source}: response_body")
    for name, _ in rule.presets:
        field = _top_level(method.input_type, name, f"{rule.source}: preset")
        if field.is_repeated or field.message_type is not None:
            raise BindingError(f"{rule.source}: preset {name!r} is not a scalar or an enum")


def _http_rules(method: MethodDescriptor, where: str) -> Iterator[Any]:
    options = method.GetOptions()
    if not options.HasExtension(http_options.http):
        return
    first = options.Extensions[http_options.http]
    for http in (first, *first.additional_bindings):
        if http.WhichOneof("pattern") is None:
            raise BindingError(f"{where}: a binding without a path")
        if http is not first and http.additional_bindings:
            raise BindingError(f"{where}: additional_bindings inside additional_bindings")
        yield http


def _extras(method: MethodDescriptor, where: str) -> dict[str, rest_options.Binding]:
    extras: dict[str, rest_options.Binding] = {}
    for extra in method.GetOptions().Extensions[rest_options.bindings]:
        if extra.selector in extras:
            raise BindingError(f"{where}: two (perpetuo.rest.v1.bindings) select {extra.selector!r}")
        extras[extra.selector] = extra
    return extras


def _rule(method: MethodDescriptor, http: Any, extras: dict[str, rest_options.Binding], where: str) -> Rule:
    """One binding; takes what `extras` has for it out of there."""
    kind = http.WhichOneof("pattern")
    verb, path = (http.custom.kind, http.custom.path) if kind == "custom" else (kind.upper(), getattr(http, kind))
    selector = f"{verb} {path}"
    source = f"{where}: {selector}"
    try:
        template = parse_template(path)
    except TemplateError as error:
        raise BindingError(f"{source}: {error}") from error
    extra = extras.pop(selector, rest_options.Binding())
    rule = Rule(
        http_method=verb,
        template=template,
        body=http.body,
        response_body=http.response_body,
        envelope=extra.envelope or rest_options.ENVELOPE_NONE,
        presets=tuple((preset.field, preset.value) for preset in extra.presets),
        source=source,
    )
    _check_messages(rule, method)
    return rule


def _check_variable(rule: Rule, request: Descriptor, path: str) -> None:
    fields = _steps(request, path, f"{rule.source}: path variable")
    if fields[-1].is_repeated:
        raise BindingError(f"{rule.source}: path variable {path!r} is repeated")
    if not is_textual(fields[-1]):
        raise BindingError(f"{rule.source}: path variable {path!r} is a message")


def _steps(request: Descriptor, path: str, what: str) -> Sequence[FieldDescriptor]:
    try:
        return find_field(request, path)
    except ValueError as error:
        raise BindingError(f"{what} {path!r}: {error}") from error


def _top_level(message: Descriptor, name: str, what: str) -> FieldDescriptor:
    field = message.fields_by_name.get(name)
    if field is None:
        raise BindingError(f"{what} {name!r}: {message.full_name} has no such field")
    return field
