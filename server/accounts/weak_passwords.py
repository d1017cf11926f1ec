"""Whether a password is one of those that are tried first: the list beside this file, which says where it comes from.

It is no measure of strength; passwords below eight bytes are refused by length alone and are not in the list.
"""

from functools import cache
from importlib.resources import files


def is_weak(password: str) -> bool:
    """Whether the password is in the list, compared without regard to case."""
    folded = password.casefold()
    return "\n" not in folded and f"\n{folded}\n" in _lines()


@cache
def _lines() -> str:
    """The list, a word in each line, read once and when it is first needed: a tenth of a megabyte, as a set a whole."""
    text = files("server.accounts").joinpath("weak_passwords.txt").read_text(encoding="utf-8")
    _, _, words = text.partition("\n\n")
    return f"\n{words.strip()}\n"
