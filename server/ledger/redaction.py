"""Takes out of a text what looks like personal data or a secret. Pure, and no promise: it knows forms, not meanings.

The text is JSON, or the beginning of one. Escapes stay as they are, so that what was JSON is JSON after it; characters
that were escaped without need are written plainly first, or they would hide what is looked for.
"""

import re

# Of those that begin at one place the first counts.
_FORMS = {
    "secret": (
        r"(?<![\w-])(?:(?:sk|pk|rk|gw|ghp|gho|xox[abprs])[-_][A-Za-z0-9_-]{12,}|(?:AKIA|ASIA)[A-Z0-9]{16}"
        r"|eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*)"
    ),
    "email": r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}",
    "iban": r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?!\w)",
    "phone": r"(?<![\w.])(?:\+|00)\d{1,3}[ ./-]?(?:\(?\d{1,4}\)?[ ./-]?){1,5}\d{2,4}(?!\w)",
    "card": (
        r"(?<![\w.])(?:\d{13,19}|\d{4}(?P<gap>[ -])\d{4}(?P=gap)\d{4}(?P=gap)\d{1,7}|\d{4}[ -]\d{6}[ -]\d{5})"
        r"(?!\w|\.\d)"
    ),
    "ip": r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?!\w|\.\d)",
}
_FOUND = re.compile("|".join(f"(?P<{name}>{form})" for name, form in _FORMS.items()))
# What stands before may be the end of an escape, whose letters are no part of the text: it is taken out first.
_ESCAPE = re.compile(r"(\\(?:u[0-9A-Fa-f]{4}|.))")
_ESCAPED = re.compile(r"\\(u00[2-7][0-9A-Fa-f]|/|u[0-9A-Fa-f]{4}|.)")
_PIECE_CHARS = 8192
_LONGEST_FIND = 256


def redacted(text: str) -> str:
    """The text with `[email]`, `[phone]`, `[card]`, `[iban]`, `[ip]` or `[secret]` in place of what was found.

    Goes by pieces, because looking through a long text at once would hold up all other threads.
    """
    plain = _ESCAPED.sub(_without_need, text)
    return "".join(_redacted(piece) for piece in _pieces(plain))


def _redacted(piece: str) -> str:
    parts = _ESCAPE.split(piece)
    parts[::2] = [_FOUND.sub(_named, part) for part in parts[::2]]
    return "".join(parts)


def _named(found: re.Match[str]) -> str:
    name = found.lastgroup
    return found.group() if name == "card" and not _is_card(found.group()) else f"[{name}]"


def _is_card(text: str) -> bool:
    """Whether the digits end in the check digit that cards have (ISO/IEC 7812)."""
    digits = [int(char) for char in reversed(text) if char.isdigit()]
    doubled = (digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[1::2])
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _without_need(escape: re.Match[str]) -> str:
    code = escape.group(1)
    if code == "/":
        return code
    if len(code) > 1:
        char = chr(int(code[1:], 16))
        if char.isascii() and char.isprintable() and char not in '"\\':
            return char
    return escape.group()


def _pieces(text: str) -> list[str]:
    """The text in pieces that begin with a quotation mark where one is near, else after a space."""
    pieces = []
    start = 0
    while len(text) - start > _PIECE_CHARS:
        end = start + _PIECE_CHARS
        cut = text.rfind('"', end - 4 * _LONGEST_FIND, end)
        if cut < 0 or text[cut - 1] == "\\":
            cut = text.rfind(" ", end - 4 * _LONGEST_FIND, end)
        if cut <= start or text[cut - 1] == "\\":
            cut = end
        pieces.append(text[start:cut])
        start = cut
    return [*pieces, text[start:]]
