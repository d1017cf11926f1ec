"""Whether a password is one of those that are tried first: the list beside this file, which says where it comes from.

It is no measure of strength; passwords below eight bytes are refused by length alone and are not in the list.
"""

from functools import cache
from importlib.resources import files


def is_weak(password: str) -> bool:
    """Whether the password is in the list, compared without regard to case."""
    return password.casefold() in _words()


@cache
def _words() -> frozenset[str]:
    """The list, read once and when it is first needed: a tenth of a megabyte."""
    text = files("server.accounts").joinpath("weak_passwords.txt").read_text(encoding="utf-8")
    _, _, words = text.partition("\n\n")
    return frozenset(words.split())
