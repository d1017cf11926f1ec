"""Usage in OpenAI's form, for vendors that report it elsewhere or count otherwise."""

from typing import Any, Final

import msgspec
from msgspec import Raw

from server.providers.openai.vendor import UsageForm

_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder()
_NULL: Final = Raw(b"null")


def usage_in_form(form: UsageForm, answer: dict[str, Raw]) -> Raw | None:
    """The usage of an answer as OpenAI would write it; None when it is so already, or there is none."""
    own = answer.get("usage", _NULL)
    found = _object(own) if own != _NULL else _elsewhere(form, answer)
    if found is None:
        return None
    usage = dict(found)
    for name, path in form.moved:
        _move(usage, name, path)
    if form.adds_reasoning:
        _add_reasoning(usage)
    if own != _NULL and usage == found:
        return None
    return Raw(_ENCODER.encode(usage))


def _elsewhere(form: UsageForm, answer: dict[str, Raw]) -> dict[str, Any] | None:
    for path in form.places:
        first, *rest = path.split(".")
        node: Any = _DECODER.decode(answer[first]) if first in answer else None
        for step in rest:
            if isinstance(node, list) and step.isdecimal() and int(step) < len(node):
                node = node[int(step)]
            else:
                node = node.get(step) if isinstance(node, dict) else None
        if isinstance(node, dict):
            return node
    return None


def _object(raw: Raw) -> dict[str, Any] | None:
    found = _DECODER.decode(raw)
    return found if isinstance(found, dict) else None


def _move(usage: dict[str, Any], name: str, path: str) -> None:
    """Copies a count to where OpenAI has it, unless something is there."""
    group, _, member = path.partition(".")
    details = usage.get(group)
    details = dict(details) if isinstance(details, dict) else {}
    if isinstance(usage.get(name), int) and not details.get(member):
        details[member] = usage[name]
        usage[group] = details


def _add_reasoning(usage: dict[str, Any]) -> None:
    """Counts reasoning with the completion where the total tells that it is not counted there yet."""
    details = usage.get("completion_tokens_details")
    reasoning = details.get("reasoning_tokens") if isinstance(details, dict) else None
    prompt, completion = usage.get("prompt_tokens"), usage.get("completion_tokens")
    if not (isinstance(reasoning, int) and isinstance(prompt, int) and isinstance(completion, int)):
        return
    if reasoning > 0 and usage.get("total_tokens") == prompt + completion + reasoning:
        usage["completion_tokens"] = completion + reasoning
