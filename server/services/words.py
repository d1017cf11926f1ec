"""Enums of the protos as the words that the core speaks of, and back: `ROLE_ADMIN` is `admin`."""

from typing import Any


class Words:
    """The words of one enum, in lower case without the name of their type. `enum` is the generated wrapper."""

    def __init__(self, enum: Any) -> None:
        descriptor = enum.DESCRIPTOR
        # PLAN_UNSPECIFIED tells the prefix.
        prefix = descriptor.values_by_number[0].name.removesuffix("UNSPECIFIED")
        self._words = {value.number: value.name.removeprefix(prefix).lower() for value in descriptor.values}
        self._numbers = {word: number for number, word in self._words.items()}

    def word(self, number: int, default: str) -> str:
        """The word of a value, `default` for the one that is not set; for a number without a name its digits."""
        return self._words.get(number, str(number)) if number else default

    def number(self, word: str) -> Any:
        """The value of a word; 0 for one that the protos do not know."""
        return self._numbers.get(word, 0)
