"""An OpenAPI 3.1 document of bindings: generic, made from descriptors, comments and the options of `perpetuo.rest.v1`.

It knows no service by name. What descriptors cannot say (title, credentials, the members of an error, examples) is
handed in. The order is that of declaration, for components that of names: the same input makes the same document.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct, field
from perpetuo.rest.v1 import annotations_pb2 as rest_options

from edge.transcoder.binding import Binding
from edge.transcoder.comments import Comments, first_sentence
from edge.transcoder.openapi_bodies import EVENT_STREAM, JSON, LINES, Bodies
from edge.transcoder.openapi_examples import Examples, Written
from edge.transcoder.openapi_parameters import openapi_path, parameters_of
from edge.transcoder.openapi_schema import SCHEMA_PATH, DocumentError, Schema, Schemas
from edge.transcoder.profile import Profile

VERSION: Final = "3.1.0"

_METHODS: Final = frozenset(("GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE"))
_FRAMINGS: Final[Mapping[str, str]] = {
    EVENT_STREAM: "As `text/event-stream`: events whose `data` is this JSON, closed by `data: [DONE]` unless it broke.",
    LINES: "As `application/x-ndjson`: one JSON value in each line.",
}
_NAMED: Final = (
    "As `text/event-stream`: events whose `data` is JSON and whose name is its `type`; a stream that breaks ends "
    "with the event `error`."
)


class Frame(Struct, frozen=True, kw_only=True):
    """What the descriptors do not say."""

    info: Schema
    """OpenAPI's `info`."""
    security: Mapping[int, Sequence[str]]
    """Names of the schemes of which any opens a method, by number of its Access; none: anybody may call."""
    security_schemes: Mapping[str, Any]
    error: Schema
    """The schema of the member `error` of every error."""
    error_example: Any
    """An example of it for the general case."""
    refusal_example: Any
    """An example of it for a credential that is missing or wrong."""
    answer_headers: Schema = field(default_factory=dict)
    """OpenAPI headers of every answer."""
    error_headers: Schema = field(default_factory=dict)
    """Those that only errors have."""
    extensions: Schema = field(default_factory=dict)
    """Further members of the document, whose names begin with `x-`."""


def describe(
    bindings: Sequence[Binding], profile: Profile, comments: Comments, frame: Frame, written: Written
) -> Schema:
    """The document, ready to be written as JSON.

    Raises:
        DocumentError: a binding or a name that OpenAPI has no place for, or an example for what is not served.
    """
    return _Describer(profile, comments, frame, written).document(bindings)


class _Describer:
    """Makes one document."""

    def __init__(self, profile: Profile, comments: Comments, frame: Frame, written: Written) -> None:
        self._frame = frame
        self._comments = comments
        self._schemas = Schemas(profile, comments)
        self._examples = Examples(written, profile)
        self._bodies = Bodies(self._schemas, self._examples)

    def document(self, bindings: Sequence[Binding]) -> Schema:
        paths = self._paths(bindings)
        self._examples.check_use()
        paths, schemas = self._schemas.resolve(paths)
        own = _error_schemas(self._frame.error)
        if taken := sorted(set(own) & set(schemas)):
            raise DocumentError(f"messages have names that errors need: {', '.join(taken)}")
        return {
            "openapi": VERSION,
            "info": self._frame.info,
            "servers": [{"url": "/"}],
            "tags": self._tags(bindings),
            "paths": paths,
            "components": {
                "schemas": dict(sorted((schemas | own).items())),
                "responses": self._error_responses(),
                "securitySchemes": self._frame.security_schemes,
            },
            **self._frame.extensions,
        }

    def _tags(self, bindings: Iterable[Binding]) -> list[Schema]:
        services = {each.method.containing_service.full_name: each.method.containing_service for each in bindings}
        return [
            {"name": service.name, "description": self._schemas.text_of(name)} for name, service in services.items()
        ]

    def _paths(self, bindings: Iterable[Binding]) -> Schema:
        paths: Schema = {}
        counts: dict[str, int] = {}
        shapes: dict[str, str] = {}
        for binding in bindings:
            path, method = openapi_path(binding.template), binding.http_method
            if method not in _METHODS:
                raise DocumentError(f"{binding.source}: OpenAPI has no method {method}")
            other = shapes.setdefault(repr(binding.template.shape), path)
            if other != path:
                raise DocumentError(f"{binding.source}: the same path is called {other} elsewhere")
            item = paths.setdefault(path, {})
            if method.lower() in item:
                raise DocumentError(f"{binding.source}: {method} {path} is described already")
            counts[binding.rpc] = counts.get(binding.rpc, 0) + 1
            item[method.lower()] = self._operation(binding, counts[binding.rpc])
        return paths

    def _operation(self, binding: Binding, number: int) -> Schema:
        method, service = binding.method, binding.method.containing_service
        path = openapi_path(binding.template)
        summary = first_sentence(self._comments.get(method.full_name, "")) or method.name
        text = self._schemas.text_of(method.full_name)
        operation: Schema = {
            "tags": [service.name],
            "operationId": f"{service.name}_{method.name}" + (f"_{number}" if number > 1 else ""),
            "summary": summary,
            "x-perpetuo-rpc": binding.rpc.removeprefix("/"),
        }
        if text.rstrip(".") not in ("", summary):
            operation["description"] = text
        if path != binding.template.text:
            operation["x-perpetuo-template"] = binding.template.text
        if parameters := parameters_of(binding.rule, method.input_type, self._schemas, self._examples):
            operation["parameters"] = parameters
        if binding.has_body:
            operation["requestBody"] = self._bodies.request(binding)
        operation["responses"] = self._responses(binding)
        operation["security"] = [{name: []} for name in self._frame.security.get(binding.access, ())]
        return operation

    def _responses(self, binding: Binding) -> Schema:
        content = self._bodies.answer(binding)
        texts = [self._schemas.text_of(binding.method.output_type.full_name) or "The answer."]
        streams = binding.twin or binding
        is_named = streams.framing == rest_options.FRAMING_SSE_NAMED
        framings = {**_FRAMINGS, EVENT_STREAM: _NAMED} if is_named else _FRAMINGS
        texts.extend(framings[media_type] for media_type in content if media_type in framings)
        is_typed = binding.error_style == rest_options.ERROR_STYLE_TYPED
        style = "Wrapped" if binding.is_wrapped else "Typed" if is_typed else ""
        responses: Schema = {
            "200": {"description": " ".join(texts), "headers": self._frame.answer_headers, "content": content}
        }
        if self._frame.security.get(binding.access):
            responses["401"] = {"$ref": f"#/components/responses/{style}Unauthorized"}
        return responses | {"default": {"$ref": f"#/components/responses/{style}Error"}}

    def _error_responses(self) -> Schema:
        texts = {
            "Error": ("The request failed: `error.code` says why.", self._frame.error_example),
            "Unauthorized": ("The credential is missing, wrong, expired or revoked.", self._frame.refusal_example),
        }
        responses: Schema = {}
        for name, (text, example) in texts.items():
            examples = {
                "": {"error": example},
                "Wrapped": {"success": False, "error": example},
                "Typed": _typed_example(example),
            }
            for prefix, body in examples.items():
                media = {"schema": {"$ref": f"{SCHEMA_PATH}{prefix}ErrorBody"}, "example": body}
                responses[prefix + name] = {
                    "description": text,
                    "headers": self._frame.answer_headers | self._frame.error_headers,
                    "content": {JSON: media},
                }
        return responses


def _error_schemas(error: Schema) -> Schema:
    """The error itself and the bodies that hold it."""
    member = {"error": {"$ref": f"{SCHEMA_PATH}Error"}}
    failed = {"success": {"type": "boolean", "const": False}}
    return {
        "Error": error,
        "ErrorBody": {"type": "object", "properties": member, "required": ["error"]},
        "WrappedErrorBody": {"type": "object", "properties": failed | member, "required": ["success", "error"]},
        "TypedErrorBody": {"type": "object", "properties": _typed_error(), "required": ["type", "error", "request_id"]},
    }


def _typed_example(error: Any) -> Schema:
    """The typed form of an example of a plain error."""
    details = {"error_code": error.get("code", "internal_error")}
    typed = {"type": error.get("type", "api_error"), "message": error["message"], "details": details}
    return {"type": "error", "error": typed, "request_id": error.get("request_id", "")}


def _typed_error() -> Schema:
    text = {"type": "string"}
    details = {"type": "object", "properties": {"error_code": text, "param": text, "docs_url": text}}
    error = {"type": "object", "properties": {"type": text, "message": text, "details": details}}
    return {
        "type": {"type": "string", "const": "error"},
        "error": {**error, "required": ["type", "message"]},
        "request_id": text,
    }
