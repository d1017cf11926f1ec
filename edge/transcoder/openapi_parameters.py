"""Paths and parameters of a binding as OpenAPI has them.

A template's variables become `{name}`; where that loses something, the template is told beside it. Query parameters are
the leaves of the request that neither path nor body nor a preset owns, in order of declaration.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import msgspec
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from edge.transcoder.field_rules import field_rule, is_map
from edge.transcoder.openapi_examples import Examples
from edge.transcoder.openapi_schema import REQUEST, Schema, Schemas
from edge.transcoder.query import find_field
from edge.transcoder.rule import WHOLE_BODY, Rule
from edge.transcoder.template import DOUBLE_STAR, STAR, Template, Variable
from edge.transcoder.text_values import is_textual


def openapi_path(template: Template) -> str:
    """The template as an OpenAPI path: `/v1/{name=shelves/*}:move` is `/v1/shelves/{name}:move`."""
    pieces = [
        segment if segment not in (STAR, DOUBLE_STAR) else "{" + _name(template, index) + "}"
        for index, segment in enumerate(template.segments)
    ]
    return "/" + "/".join(pieces) + (f":{template.verb}" if template.verb else "")


def parameters_of(rule: Rule, request: Descriptor, schemas: Schemas, examples: Examples) -> list[Schema]:
    """The parameters of a binding, those of the path first."""
    found = [_path_parameter(rule.template, index, request, schemas, examples) for index in _wildcards(rule.template)]
    if rule.body != WHOLE_BODY:
        found.extend(_query_parameters(request, owned_fields(rule), schemas, examples))
    return found


def owned_fields(rule: Rule) -> frozenset[str]:
    """Paths of the fields that are not for the query: the path's, the presets' and the body's."""
    paths = {variable.field for variable in rule.template.variables} | {name for name, _ in rule.presets}
    return frozenset(paths | ({rule.body} - {"", WHOLE_BODY}))


def _wildcards(template: Template) -> list[int]:
    return [index for index, segment in enumerate(template.segments) if segment in (STAR, DOUBLE_STAR)]


def _variable(template: Template, index: int) -> tuple[Variable, Sequence[int]] | None:
    """The variable that captures a segment, and its wildcards."""
    for variable in template.variables:
        end = len(template.segments) if variable.end < 0 else variable.end
        if variable.start <= index < end:
            return variable, [number for number in _wildcards(template) if variable.start <= number < end]
    return None


def _name(template: Template, index: int) -> str:
    """A parameter for each wildcard: named after its variable, numbered where that has several."""
    found = _variable(template, index)
    if found is None:
        return f"segment_{index + 1}"
    variable, wildcards = found
    return variable.field if len(wildcards) == 1 else f"{variable.field}_{wildcards.index(index) + 1}"


def _path_parameter(
    template: Template, index: int, request: Descriptor, schemas: Schemas, examples: Examples
) -> Schema:
    parameter: Schema = {"name": _name(template, index), "in": "path", "required": True}
    found = _variable(template, index)
    schema: Schema = {"type": "string"}
    if found is not None:
        *_, field = find_field(request, found[0].field)
        _describe(parameter, field, schemas, examples)
        if found[0].is_single:
            schema = schemas.of_value(field, REQUEST)
    if schema == {"type": "string"}:
        schema["minLength"] = 1
    return {**parameter, "schema": schema}


def _query_parameters(
    message: Descriptor, owned: Collection[str], schemas: Schemas, examples: Examples
) -> Iterator[Schema]:
    for path, name, field in _leaves(message, owned, schemas, (), ()):
        if path not in owned:
            parameter: Schema = {"name": name, "in": "query"}
            _describe(parameter, field, schemas, examples)
            yield {**parameter, "schema": schemas.of_value(field, REQUEST)}


def _leaves(
    message: Descriptor, owned: Collection[str], schemas: Schemas, parents: tuple[tuple[str, str], ...], above: Any
) -> Iterator[tuple[str, str, FieldDescriptor]]:
    """Path, name and field of every leaf; messages inside themselves are not followed."""
    for field in message.fields:
        rule = field_rule(field, schemas.profile)
        steps = (*parents, (field.name, rule.output_name))
        path = ".".join(name for name, _ in steps)
        if is_textual(field) and not rule.is_raw_json:
            yield path, ".".join(name for _, name in steps), field
        elif path not in owned and _can_go_on(field, (*above, message.full_name)):
            assert field.message_type is not None
            yield from _leaves(field.message_type, owned, schemas, steps, (*above, message.full_name))


def _can_go_on(field: FieldDescriptor, above: Collection[str]) -> bool:
    if field.message_type is None or field.is_repeated or is_map(field):
        return False
    name = str(field.message_type.full_name)
    return name not in above and not name.startswith("google.protobuf.")


def _describe(parameter: Schema, field: FieldDescriptor, schemas: Schemas, examples: Examples) -> None:
    if text := schemas.text_of(field.full_name):
        parameter["description"] = text
    example = examples.of_text(field)
    if example is not msgspec.UNSET:
        parameter["example"] = example
