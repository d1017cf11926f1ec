"""What callers may write: names, e-mail addresses, model names, ids. Each failure names its parameter."""

import re
import unicodedata
from collections.abc import Sequence

from server.errors import RequestInvalid

MAX_NAME_CHARS = 200
MAX_EMAIL_CHARS = 254
MAX_MODEL_CHARS = 200

_MAX_ID_CHARS = 64

# The address that HTML's input type=email takes (HTML Standard, "valid e-mail address"), which is what people have.
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_EMAIL = re.compile(rf"[a-zA-Z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL})*")
_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})


def checked_email(email: str) -> str:
    """The address without white space around it. Raises RequestInvalid."""
    trimmed = email.strip()
    if not trimmed:
        raise RequestInvalid("An e-mail address is required.", param="email")
    if len(trimmed) > MAX_EMAIL_CHARS or not _EMAIL.fullmatch(trimmed):
        raise RequestInvalid("The e-mail address is malformed: write it as name@example.com.", param="email")
    return trimmed


def checked_text(text: str, param: str, max_chars: int = MAX_NAME_CHARS) -> str:
    """The text without white space around it. Raises RequestInvalid when it is too long or has control characters."""
    trimmed = text.strip()
    if len(trimmed) > max_chars:
        raise RequestInvalid(f"{param} must be at most {max_chars} characters long.", param=param)
    if any(unicodedata.category(character) in _FORBIDDEN_CATEGORIES for character in trimmed):
        raise RequestInvalid(f"{param} must not contain control characters or line breaks.", param=param)
    return trimmed


def checked_models(models: Sequence[str], param: str, max_items: int) -> tuple[str, ...]:
    """The model names, each once. Raises RequestInvalid naming the one at fault."""
    if len(models) > max_items:
        raise RequestInvalid(f"{param} must have at most {max_items} items.", param=param)
    checked = []
    for index, model in enumerate(models):
        name = checked_text(model, f"{param}[{index}]", MAX_MODEL_CHARS)
        if not name:
            raise RequestInvalid("A model name must not be empty.", param=f"{param}[{index}]")
        checked.append(name)
    return tuple(dict.fromkeys(checked))


def checked_range(value: int, param: str, low: int, high: int) -> int:
    """The number. Raises RequestInvalid when it is out of bounds, which are included."""
    if not low <= value <= high:
        raise RequestInvalid(f"{param} must be {low} to {high}.", param=param)
    return value


def is_id(text: str, prefix: str) -> bool:
    """Whether the text could be an id of that prefix: a cheap check before a look-up, not a proof that it exists."""
    return text.startswith(prefix) and len(text) <= _MAX_ID_CHARS and text.isascii() and text.isprintable()
