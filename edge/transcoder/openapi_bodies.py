"""Request and answer bodies of a binding as OpenAPI has them: media types, schemas, examples.

A raw body is described by the message that the method's `schema` option names, or is text of the kind that it names;
without either, anything goes.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from perpetuo.rest.v1 import annotations_pb2 as rest_options

from edge.transcoder.answer import is_batch
from edge.transcoder.binding import Binding
from edge.transcoder.openapi_examples import BindingExample, Examples
from edge.transcoder.openapi_parameters import owned_fields
from edge.transcoder.openapi_schema import (
    ANSWER,
    RAW_ANSWER,
    RAW_REQUEST,
    REQUEST,
    DocumentError,
    Schema,
    Schemas,
    Way,
)
from edge.transcoder.rule import WHOLE_BODY

JSON: Final = "application/json"
EVENT_STREAM: Final = "text/event-stream"
LINES: Final = "application/x-ndjson"
ANYTHING: Final = "*/*"

_EVENT_STREAMS: Final = frozenset((rest_options.FRAMING_SSE_DONE, rest_options.FRAMING_SSE_NAMED))


class Bodies:
    """Describes bodies with one set of schemas and examples."""

    def __init__(self, schemas: Schemas, examples: Examples) -> None:
        self._schemas = schemas
        self._examples = examples

    def request(self, binding: Binding) -> Schema:
        """The `requestBody` of a binding that has a body."""
        written = self._written(binding).request
        if binding.has_raw_body:
            described = _described(binding.method, binding.schema.request)
            content = {ANYTHING: {}} if described is None else {JSON: self._message(described, RAW_REQUEST, written)}
            return {"required": True, "content": content}
        request, body = binding.method.input_type, binding.rule.body
        if body != WHOLE_BODY:
            return {"required": True, "content": {JSON: self._field(request.fields_by_name[body], REQUEST, written)}}
        omit = owned_fields(binding.rule) & set(request.fields_by_name)
        schema = self._schemas.of_object(request, REQUEST, omit) if omit else self._schemas.of_message(request, REQUEST)
        example = _first(written, lambda: self._examples.of_message(request, REQUEST, omit))
        return {"required": len(request.fields) > len(omit), "content": {JSON: {"schema": schema, "example": example}}}

    def answer(self, binding: Binding) -> Schema:
        """The `content` of a binding's answer, that of its streaming twin included."""
        written = self._written(binding)
        if binding.is_server_streaming:
            if binding.raw is not None and binding.schema.text:
                return self._text(binding.schema.text, written.answer)
            return self._events(binding, binding.schema, written.event)
        content = self._unary(binding, written.answer)
        if binding.twin is not None:
            content |= self._events(binding.twin, binding.schema, written.event)
        return content

    def _written(self, binding: Binding) -> BindingExample:
        return self._examples.of_binding(f"{binding.http_method} {binding.template.text}")

    def _unary(self, binding: Binding, written: Any) -> Schema:
        answer, name = binding.method.output_type, binding.rule.response_body
        if binding.raw is not None:
            if binding.schema.text:
                return self._text(binding.schema.text, written)
            described = _described(binding.method, binding.schema.response)
            return {ANYTHING: {}} if described is None else {JSON: self._message(described, RAW_ANSWER, written)}
        if name:
            media = self._field(answer.fields_by_name[name], ANSWER, written)
        else:
            media = self._message(answer, ANSWER, written)
        return {JSON: _wrapped(media) if binding.is_wrapped else media}

    def _events(self, binding: Binding, schema: rest_options.Schema, written: Any) -> Schema:
        described = _described(binding.method, schema.event)
        media_type = EVENT_STREAM if binding.framing in _EVENT_STREAMS else LINES
        answer, name = binding.method.output_type, binding.rule.response_body
        if described is not None:
            media = self._message(described, RAW_ANSWER, written)
            return {media_type: _named(media) if binding.framing == rest_options.FRAMING_SSE_NAMED else media}
        if binding.raw is not None:
            return {ANYTHING: {}}
        if name:
            return {media_type: self._field(answer.fields_by_name[name], ANSWER, written)}
        return {media_type: {} if is_batch(answer) else self._message(answer, ANSWER, written)}

    def _text(self, media_type: str, written: Any) -> Schema:
        return {media_type: {"schema": {"type": "string"}, "example": _first(written, lambda: "text")}}

    def _message(self, message: Descriptor, way: Way, written: Any) -> Schema:
        example = _first(written, lambda: self._examples.of_message(message, way))
        return {"schema": self._schemas.of_message(message, way), "example": example}

    def _field(self, field: FieldDescriptor, way: Way, written: Any) -> Schema:
        example = _first(written, lambda: self._examples.of_field(field, way))
        return {"schema": self._schemas.of_value(field, way), "example": example}


def _described(method: MethodDescriptor, name: str) -> Descriptor | None:
    """The message of the method's package that describes a raw body; None if none is named."""
    if not name:
        return None
    file = method.containing_service.file
    try:
        return file.pool.FindMessageTypeByName(f"{file.package}.{name}")
    except KeyError:
        raise DocumentError(
            f"{method.full_name}: schema names {name!r}, which is no message of {file.package}"
        ) from None


def _named(media: Schema) -> Schema:
    """A named event: an object of its name and its data, which are JSON in a text."""
    data = {"type": "string", "contentMediaType": JSON, "contentSchema": media["schema"]}
    properties = {"event": {"type": "string"}, "data": data}
    example = media["example"]
    text = msgspec.json.encode(example).decode()
    return {
        "schema": {"type": "object", "properties": properties, "required": ["event", "data"]},
        "example": {"event": str(example.get("type", "error")), "data": text},
    }


def _wrapped(media: Schema) -> Schema:
    properties = {"success": {"type": "boolean", "const": True}, "data": media["schema"]}
    return {
        "schema": {"type": "object", "properties": properties, "required": ["success", "data"]},
        "example": {"success": True, "data": media["example"]},
    }


def _first(written: Any, make: Callable[[], Any]) -> Any:
    return make() if written is msgspec.UNSET else written
