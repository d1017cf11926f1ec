"""Values that fit a JSON schema, always the same ones: for the demo models' tool calls and structured answers.

Read are `const`, `enum`, `default`, `examples`, `type`, `properties`, `items`, the bounds of strings, arrays and
numbers, `anyOf`, `oneOf`, `allOf` and `$ref` within the document. `pattern` is not: such a string may not match.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

MAX_DEPTH: Final = 16
DEPTH_OF_OPTIONAL: Final = 4
MAX_NODES: Final = 1_000
MAX_ITEMS: Final = 64
MAX_CHARS: Final = 1_000

_FORMATS: Final[Mapping[str, str]] = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "PT1H",
    "email": "demo@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}

Schema = Mapping[str, Any]


def shaped(schema: object, name: str = "value") -> Any:
    """A value that fits a schema; `name` is what a string without further rules says.

    What a schema that refers to itself, or asks for a great deal, would need beyond 1,000 nodes is left out.
    """
    return _Shaper(schema if isinstance(schema, Mapping) else {}).shape(schema, name, 0)


class _Shaper:
    """Walks one schema; `root` is where references begin."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._nodes_left = MAX_NODES

    def shape(self, schema: object, name: str, depth: int) -> Any:
        """A value for a schema that stands `depth` levels deep."""
        self._nodes_left -= 1
        if not isinstance(schema, Mapping) or depth > MAX_DEPTH or self._nodes_left < 0:
            return name if schema is True else None
        schema = self._resolved(schema, 0)
        if "const" in schema:
            return schema["const"]
        for key in ("enum", "examples"):
            if isinstance(schema.get(key), Sequence) and schema[key]:
                return schema[key][0]
        return schema["default"] if "default" in schema else self._of_type(schema, name, depth)

    def _of_type(self, schema: Schema, name: str, depth: int) -> Any:
        kind = _type(schema)
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            item = schema.get("items", {"type": "string"})
            return [self.shape(item, name, depth + 1) for _ in range(_items(schema)) if self._nodes_left > 0]
        if kind == "string":
            return _string(schema, name)
        return _number(schema, kind) if kind in ("integer", "number") else {"boolean": True}.get(kind)

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        properties = schema.get("properties")
        properties = properties if isinstance(properties, Mapping) else {}
        required = schema.get("required")
        required = [name for name in required if isinstance(name, str)] if isinstance(required, Sequence) else []
        # Optional members go once nesting is deep: a schema may refer to itself.
        names = dict.fromkeys((*properties, *required) if depth < DEPTH_OF_OPTIONAL else required)
        return {name: self.shape(properties.get(name, True), name, depth + 1) for name in names}

    def _resolved(self, schema: Schema, depth: int) -> Schema:
        """The schema with its reference followed and its alternatives chosen."""
        self._nodes_left -= 1
        if depth > MAX_DEPTH or self._nodes_left < 0:
            return {}
        if isinstance(schema.get("$ref"), str):
            return self._resolved(_lookup(schema["$ref"], self._root), depth + 1)
        merged = dict(schema)
        for key in ("anyOf", "oneOf"):
            choices = schema.get(key)
            if isinstance(choices, Sequence) and choices and isinstance(choices[0], Mapping):
                merged |= self._resolved(choices[0], depth + 1)
        parts = schema.get("allOf")
        for part in parts if isinstance(parts, Sequence) else ():
            if isinstance(part, Mapping):
                merged = _joined(merged, self._resolved(part, depth + 1))
        return merged


def _joined(first: Schema, second: Schema) -> dict[str, Any]:
    """Two schemas that hold both; their properties and required members add up."""
    joined = {**first, **second}
    if isinstance(first.get("properties"), Mapping) and isinstance(second.get("properties"), Mapping):
        joined["properties"] = {**first["properties"], **second["properties"]}
    if isinstance(first.get("required"), list) and isinstance(second.get("required"), list):
        joined["required"] = [*first["required"], *second["required"]]
    return joined


def _lookup(reference: str, root: Schema) -> Schema:
    node: object = root
    for step in reference.removeprefix("#").strip("/").split("/"):
        if step:
            node = node.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(node, Mapping) else None
    return node if isinstance(node, Mapping) else {}


def _type(schema: Schema) -> str:
    kind = schema.get("type")
    if isinstance(kind, Sequence) and not isinstance(kind, str):
        kind = next((each for each in kind if each != "null"), "null")
    if isinstance(kind, str):
        return kind
    return "object" if "properties" in schema else "array" if "items" in schema else "string"


def _items(schema: Schema) -> int:
    longest = _whole(schema.get("maxItems"), MAX_ITEMS)
    return min(max(_whole(schema.get("minItems"), 1), 1), longest, MAX_ITEMS)


def _string(schema: Schema, name: str) -> str:
    text = _FORMATS.get(str(schema.get("format")), name)
    text = text.ljust(min(_whole(schema.get("minLength"), 0), MAX_CHARS), "x")
    longest = schema.get("maxLength")
    return text[:longest] if isinstance(longest, int) and longest >= 0 else text


def _number(schema: Schema, kind: str) -> int | float:
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    value: float = 1
    if isinstance(high, int | float):
        value = min(value, high)
    if isinstance(below, int | float) and value >= below:
        value = below - 1
    if isinstance(low, int | float):
        value = max(value, low)
    if isinstance(above, int | float) and value <= above:
        value = above + 1
    step = schema.get("multipleOf")
    if isinstance(step, int | float) and step > 0 and math.isfinite(value / step):
        value = math.ceil(value / step) * step
    return math.ceil(value) if kind == "integer" and math.isfinite(value) else value


def _whole(value: object, default: int) -> int:
    return value if isinstance(value, int) and value >= 0 else default
