"""Folds the chunks of a stream into the answer that they are pieces of, as a client would."""

from collections.abc import Iterable, Mapping
from typing import Any

Json = dict[str, Any]
JOINED = frozenset({"content", "reasoning_content", "reasoning", "refusal", "arguments", "input", "name", "data"})
"""Texts that come in pieces; other members come once."""
NOT_OF_CHOICE = frozenset({"index", "delta", "message", "usage"})
OF_A_PIECE = frozenset({"token_id", "text", "seed"})
"""What a vendor says of one piece and not of the answer."""


def folded(chunks: Iterable[Mapping[str, Any]]) -> Json:
    """The choices, as far as the chunks tell them, and what the last of them said of the answer."""
    choices: dict[int, Json] = {}
    for chunk in chunks:
        for told in chunk.get("choices") or ():
            choice = choices.setdefault(told.get("index", 0), {"message": {"role": "assistant"}})
            _join(choice["message"], told.get("delta") or {})
            _take_over(choice, told)
    return {"choices": [essence(choices[index]) for index in sorted(choices)]}


def _take_over(choice: Json, told: Mapping[str, Any]) -> None:
    for name, value in told.items():
        if name not in NOT_OF_CHOICE | OF_A_PIECE and value is not None:
            choice[name] = _longer(choice.get(name), value)


def whole(answer: Mapping[str, Any]) -> Json:
    """The same of an answer that came in one piece."""
    choices = sorted(answer["choices"], key=lambda choice: choice.get("index", 0))
    return {"choices": [essence(choice) for choice in choices]}


def essence(choice: Mapping[str, Any]) -> Json:
    """A choice without its index, and without what says nothing."""
    told = {name: value for name, value in choice.items() if name not in NOT_OF_CHOICE - {"message"} | OF_A_PIECE}
    told["message"] = {name: value for name, value in told["message"].items() if name not in OF_A_PIECE}
    return {name: _plain(value) for name, value in told.items() if not _says_nothing(value)}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items() if not _says_nothing(each) and name != "index"}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _says_nothing(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _join(into: Json, delta: Mapping[str, Any]) -> None:
    for name, value in delta.items():
        if value is None or name in OF_A_PIECE:
            continue
        if name == "tool_calls":
            _join_calls(into.setdefault(name, []), value)
        elif isinstance(value, Mapping):
            _join(into.setdefault(name, {}), value)
        elif isinstance(value, list):
            into[name] = [*into.get(name, []), *value]
        elif name in JOINED and isinstance(value, str):
            into[name] = into.get(name, "") + value
        else:
            into.setdefault(name, value)
            assert into[name] == value, f"{name} is told twice: {into[name]!r}, {value!r}"


def _join_calls(into: list[Json], fragments: list[Json]) -> None:
    for fragment in fragments:
        known = next((call for call in into if call["index"] == fragment["index"]), None)
        if known is None:
            assert fragment.get("id"), "a call without an id"
            into.append(known := {"index": fragment["index"]})
        _join(known, {name: value for name, value in fragment.items() if name != "index"})


def _longer(before: Any, value: Any) -> Any:
    """Log-probabilities come in pieces; what filters found is told with each piece; other members come once."""
    if isinstance(before, dict) and isinstance(value, dict):
        return {name: _joined(before.get(name), value.get(name)) for name in {**before, **value}}
    return value


def _joined(before: Any, value: Any) -> Any:
    """Lists one after the other; of anything else what was told last."""
    if isinstance(before or value, list):
        return [*(before or []), *(value or [])]
    return before if value is None else value
