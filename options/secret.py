"""A text that must not show: it is printed as asterisks, in logs and in errors alike."""

from typing import Final

_SHOWN: Final = "**********"


class SecretStr:
    """A secret; `get_secret_value` is the only way to its text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def get_secret_value(self) -> str:
        """The text."""
        return self._text

    def __repr__(self) -> str:
        return f"SecretStr({str(self)!r})"

    def __str__(self) -> str:
        return _SHOWN if self._text else ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretStr) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)
