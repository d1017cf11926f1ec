"""Holds a JSON value against the types of a vendor's SDK, more strictly than the SDK itself would.

A TypedDict must have its required members and no unknown ones, and so must a model where a vendor has nothing else; a
union must have an alternative that fits. Models of answers, which SDKs allow in requests for convenience, are no
alternative to a TypedDict.
"""

import collections.abc
import types
import typing
from typing import Annotated, Any, Literal, NotRequired, Required, get_args, get_origin

import typing_extensions
from pydantic import BaseModel


def faults(value: object, kind: Any, path: str = "$") -> list[str]:
    """What is wrong with a value, each with its path; nothing if it fits."""
    origin = get_origin(kind)
    if isinstance(kind, typing_extensions.TypeAliasType):
        return faults(value, kind.__value__, path)
    if isinstance(origin, typing_extensions.TypeAliasType):
        return faults(value, origin.__value__[get_args(kind)], path)
    if origin in (Annotated, Required, NotRequired, typing_extensions.Required, typing_extensions.NotRequired):
        return faults(value, get_args(kind)[0], path)
    if origin in (typing.Union, types.UnionType):
        return _union(value, get_args(kind), path)
    if origin in (Literal, typing_extensions.Literal):
        return [] if value in get_args(kind) else [f"{path}: {value!r} is none of {get_args(kind)}"]
    if typing_extensions.is_typeddict(kind):
        return _typed_dict(value, kind, path)
    if isinstance(kind, type) and issubclass(kind, BaseModel) and isinstance(value, dict):
        return _model(value, kind, path)
    if origin in (list, collections.abc.Iterable, collections.abc.Sequence) or _is_sequence(kind):
        return _list(value, get_args(kind), path)
    if origin in (dict, collections.abc.Mapping):
        return _mapping(value, get_args(kind), path)
    return _plain(value, kind, path)


def _union(value: object, kinds: tuple[Any, ...], path: str) -> list[str]:
    """The faults of the alternative that fits best: one whose `type` is the value's, else the one with the fewest."""
    tried = [faults(value, kind, path) for kind in kinds]
    marks = (f"{path}.type:", f"{path}.role:")
    return min(tried, key=lambda found: (any(fault.startswith(marks) for fault in found), len(found)))


def _typed_dict(value: object, kind: Any, path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: not an object"]
    hints = typing_extensions.get_type_hints(kind, include_extras=True)
    found = [f"{path}.{name}: unknown" for name in value if name not in hints and not _is_open(kind)]
    found += [f"{path}.{name}: missing" for name in _required(kind, hints) if name not in value]
    for name, member in value.items():
        if name in hints:
            found += faults(member, hints[name], f"{path}.{name}")
    return found


def _model(value: dict[str, object], kind: type[BaseModel], path: str) -> list[str]:
    fields = {field.alias or name: field for name, field in kind.model_fields.items()}
    found = [f"{path}.{name}: unknown" for name in value if name not in fields]
    found += [f"{path}.{name}: missing" for name, field in fields.items() if field.is_required() and name not in value]
    for name, member in value.items():
        if name in fields:
            found += faults(member, fields[name].annotation, f"{path}.{name}")
    return found


def _required(kind: Any, hints: dict[str, Any]) -> set[str]:
    """The members that must be there; where annotations are texts, the class itself knows them only by half."""
    optional = {
        name for name, hint in hints.items() if get_origin(hint) in (NotRequired, typing_extensions.NotRequired)
    }
    named = {name for name, hint in hints.items() if get_origin(hint) in (Required, typing_extensions.Required)}
    return (set(kind.__required_keys__) - optional) | named


def _is_open(kind: Any) -> bool:
    config: dict[str, object] = getattr(kind, "__pydantic_config__", {})
    return config.get("extra") == "allow"


def _is_sequence(kind: Any) -> bool:
    return getattr(get_origin(kind), "__name__", "") == "SequenceNotStr"


def _list(value: object, inner: tuple[Any, ...], path: str) -> list[str]:
    if not isinstance(value, list):
        return [f"{path}: not a list"]
    return [fault for place, item in enumerate(value) for fault in faults(item, inner[0], f"{path}[{place}]")]


def _mapping(value: object, inner: tuple[Any, ...], path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path}: not an object"]
    return [fault for name, item in value.items() for fault in faults(item, inner[1], f"{path}.{name}")]


def _plain(value: object, kind: Any, path: str) -> list[str]:
    if kind in (Any, object):
        return []
    if kind is float:
        kind = (int, float)
    if kind is type(None) or kind is None:
        return [] if value is None else [f"{path}: not null"]
    if not isinstance(kind, type | tuple) or (isinstance(value, bool) and kind is not bool):
        return [f"{path}: {value!r} is not of {kind}"]
    return [] if isinstance(value, kind) else [f"{path}: {value!r} is not of {kind}"]
