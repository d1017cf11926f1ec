"""Bindings: each says how one HTTP method and path template becomes one call, compiled from descriptors at start.

Nothing here knows a service by name. Whatever cannot be served fails at start with file, method and binding named.
"""

from collections.abc import Iterable

from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from msgspec import Struct
from msgspec.structs import replace
from perpetuo.rest.v1 import annotations_pb2 as rest_options

from edge.transcoder.answer import Events, Raw, compile_answer, compile_events, compile_raw, is_batch
from edge.transcoder.field_rules import CodecError
from edge.transcoder.json_encode import Encode, Writers
from edge.transcoder.profile import Profile
from edge.transcoder.request import Build, compile_request, is_raw_body
from edge.transcoder.router import Route, RouteConflictError, Router
from edge.transcoder.rule import BindingError, Rule, header_twin_of, read_rules, rule_for_twin, twin_of
from edge.transcoder.template import Template

__all__ = ["Binding", "BindingError", "build_router", "load_bindings"]


class Binding(Struct, frozen=True, kw_only=True):
    """One way in over HTTP, ready to serve."""

    rpc: str
    """Full name of the method as it goes over the wire: `/package.Service/Method`."""
    rule: Rule
    """What was declared, for descriptions of the API."""
    method: MethodDescriptor
    """The method's descriptor, for descriptions of the API; not for requests."""
    request_class: type[Message]
    response_class: type[Message]
    is_server_streaming: bool
    has_body: bool
    """The request takes a body; without, a body is not read into the message."""
    has_raw_body: bool
    """The body is carried as bytes and not read: whoever serves it checks what must be checked."""
    build: Build
    """build(values, query, body, content_type) -> request. Raises TranscodeError, a 400."""
    encode: Encode
    """The answer's body, in its envelope; of a raw answer its bytes."""
    events: Events
    """One message of a stream as its events, without an envelope."""
    is_batch: bool
    """A message of a stream is nothing but a list of events, which are raw JSON."""
    raw: Raw | None
    """The raw body in an answer, whose content type is then the answer's; None when the answer is JSON."""
    is_wrapped: bool
    """Answers and errors are in the envelope `{"success": …}`."""
    framing: rest_options.Framing.ValueType
    access: rest_options.Access.ValueType
    error_style: rest_options.ErrorStyle.ValueType
    schema: rest_options.Schema
    """Names of the messages that describe raw JSON; empty where there are none."""
    twin: "Binding | None" = None
    """The streaming method that takes over when the JSON body has `"stream": true`, bound by the same rule."""
    header_twin: "tuple[bytes, Binding] | None" = None
    """A header in lower case, and the method that takes over for requests with it, bound by the same path."""

    @property
    def http_method(self) -> str:
        """The HTTP method; `*` for any."""
        return self.rule.http_method

    @property
    def template(self) -> Template:
        """The path template."""
        return self.rule.template

    @property
    def source(self) -> str:
        """File, method and binding, for messages at start."""
        return self.rule.source


def load_bindings(
    services: Iterable[ServiceDescriptor], profile: Profile, *, require_access: bool = False
) -> list[Binding]:
    """Every HTTP binding of the services, compiled, in order of declaration.

    Args:
        services: what to serve.
        profile: how JSON and query parameters are spelt.
        require_access: refuse methods that do not say who may call them.

    Raises:
        BindingError: a rule that cannot be served; the message names file, method and binding.
    """
    bindings: list[Binding] = []
    writers = Writers(profile)
    for service in services:
        for method in service.methods:
            bindings.extend(_load_method(method, writers, require_access=require_access))
    return bindings


def build_router(bindings: Iterable[Binding]) -> Router[Binding]:
    """The router over the bindings.

    Raises:
        BindingError: two of them match the same requests equally well.
    """
    try:
        return Router(Route(each.http_method, each.template, each, each.source) for each in bindings)
    except RouteConflictError as error:
        raise BindingError(str(error)) from error


def _load_method(method: MethodDescriptor, writers: Writers, *, require_access: bool) -> list[Binding]:
    twin, header_twin = twin_of(method), header_twin_of(method)
    bindings = []
    for rule in read_rules(method):
        binding = _compile(rule, method, writers, require_access=require_access)
        if twin is not None:
            twin_rule = rule_for_twin(rule, twin)
            binding = replace(binding, twin=_compile(twin_rule, twin, writers, require_access=require_access))
        if header_twin is not None:
            header, other = header_twin
            bound = _compile(rule_for_twin(rule, other), other, writers, require_access=require_access)
            binding = replace(binding, header_twin=(header, bound))
        bindings.append(binding)
    return bindings


def _compile(rule: Rule, method: MethodDescriptor, writers: Writers, *, require_access: bool) -> Binding:
    options = method.GetOptions().Extensions
    if require_access and not options[rest_options.access]:
        raise BindingError(f"{rule.source}: {method.name} does not say who may call it (perpetuo.rest.v1.access)")
    request, response, profile = method.input_type, method.output_type, writers.profile
    try:
        return Binding(
            rpc=f"/{method.containing_service.full_name}/{method.name}",
            rule=rule,
            method=method,
            request_class=message_factory.GetMessageClass(request),
            response_class=message_factory.GetMessageClass(response),
            is_server_streaming=method.server_streaming,
            has_body=bool(rule.body),
            has_raw_body=is_raw_body(rule, request),
            build=compile_request(rule, request, profile),
            encode=compile_answer(rule, response, profile, writers),
            events=compile_events(rule, response, profile, writers),
            is_batch=not rule.response_body and is_batch(response),
            raw=compile_raw(rule, response),
            is_wrapped=rule.envelope == rest_options.ENVELOPE_SUCCESS_DATA,
            framing=options[rest_options.framing],
            access=options[rest_options.access],
            error_style=options[rest_options.error_style],
            schema=options[rest_options.schema],
        )
    except CodecError as error:
        raise BindingError(f"{rule.source}: {error}") from error
