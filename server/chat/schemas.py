"""JSON schemas for vendors that know only some keywords: what they do not know goes into the description.

Pure. Leaves stay as they came: numbers keep their spelling, unknown keywords are not read. A keyword that had to go is
reported by its path, so that nothing is dropped in silence; the model still reads it in the words of the description.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec
from msgspec import Raw, Struct, field

Schema: TypeAlias = dict[str, object]

_MEMBERS: Final = msgspec.json.Decoder(dict[str, Raw])
_LIST: Final = msgspec.json.Decoder(list[Raw])
_ENCODER: Final = msgspec.json.Encoder()
_MAPS: Final = frozenset({"properties", "$defs", "definitions", "patternProperties", "dependentSchemas"})
_LISTS: Final = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_SINGLES: Final = frozenset({"items", "not", "if", "then", "else", "contains", "additionalProperties", "propertyNames"})


class Narrowing(Struct, frozen=True):
    """What a vendor knows of JSON schema.

    `keywords` are those that it takes, `values` the only values of some of them, `renamed` those that it knows by
    another name. `closes_objects`: objects must say that they have no other properties.
    """

    keywords: frozenset[str]
    values: Mapping[str, frozenset[str]] = field(default_factory=dict)
    renamed: Mapping[str, str] = field(default_factory=dict)
    closes_objects: bool = False


class Narrowed(Struct, frozen=True):
    """A schema as a vendor takes it, and the paths of the keywords that went into descriptions."""

    schema: Schema
    lost: tuple[str, ...]


def narrow(raw: Raw, narrowing: Narrowing) -> Narrowed:
    """The schema with the vendor's keywords alone. What is not an object (`true`, say) becomes an empty schema."""
    lost: list[str] = []
    return Narrowed(_Walk(narrowing, lost).schema(raw, ""), tuple(lost))


def members_of(raw: Raw) -> dict[str, Raw]:
    """The keywords of a schema as they came; none if it is not an object."""
    return _MEMBERS.decode(raw) if bytes(memoryview(raw)[:1]) == b"{" else {}


class _Walk:
    def __init__(self, narrowing: Narrowing, lost: list[str]) -> None:
        self._narrowing = narrowing
        self._lost = lost

    def schema(self, raw: Raw, path: str) -> Schema:
        made: Schema = {}
        told: list[str] = []
        for name, value in members_of(raw).items():
            known = self._narrowing.renamed.get(name, name)
            if not self._takes(known, value):
                if not (name == "additionalProperties" and self._narrowing.closes_objects and value == Raw(b"false")):
                    told.append(f"{name}: {bytes(value).decode()}")
                    self._lost.append(f"{path}.{name}".lstrip("."))
                continue
            made[known] = self._value(name, value, f"{path}.{name}".lstrip("."))
        if told:
            made["description"] = _described(made.get("description"), told)
        if self._narrowing.closes_objects and ("properties" in made or made.get("type") == Raw(b'"object"')):
            made["additionalProperties"] = False
        return made

    def _takes(self, name: str, value: Raw) -> bool:
        if name not in self._narrowing.keywords:
            return False
        values = self._narrowing.values.get(name)
        return values is None or bytes(value).strip(b'"').decode() in values

    def _value(self, name: str, value: Raw, path: str) -> object:
        first = bytes(memoryview(value)[:1])
        if name in _MAPS and first == b"{":
            return {key: self.schema(inner, f"{path}.{key}") for key, inner in _MEMBERS.decode(value).items()}
        if name in _LISTS and first == b"[":
            return [self.schema(inner, f"{path}[{place}]") for place, inner in enumerate(_LIST.decode(value))]
        if name in _SINGLES and first == b"{":
            return self.schema(value, path)
        return value


def _described(before: object, told: list[str]) -> str:
    """The description with the constraints that the vendor does not know, in words."""
    rest = "{" + ", ".join(told) + "}"
    if not isinstance(before, Raw):
        return rest
    text = msgspec.json.decode(before)
    return f"{text}\n\n{rest}" if isinstance(text, str) and text else rest
