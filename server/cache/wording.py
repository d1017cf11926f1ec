"""What a turn of a conversation says, word by word, and what of it must be equal before likeness counts at all.

Pure. Numbers, signs of a calculation, words that deny and words that count are what near-duplicates differ in although
they mean another thing; so they are compared as they are, never by likeness. Case, sentence marks, contractions and a
greeting or thanks around a question say nothing of it.
"""

import hashlib
import re
import unicodedata
from typing import Final, NamedTuple

_TOKEN: Final = re.compile(r"[.,]?\d+(?:[.,:]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)*|\S")
_INVISIBLE: Final = dict.fromkeys(map(ord, "\u200b\u2060\ufeff\u00ad"))
_TYPED: Final = {0x2018: "'", 0x2019: "'"}  # as typed on paper
_MARKS: Final = frozenset(".,;:…\"'“”„«»¿¡—")
_HYPHENS: Final = ("-", "\u2010", "\u2013")
_MARK: Final = "\0"
_SHORT: Final = 3

_DENYING: Final = [
    "not",
    "no",
    "never",
    "without",
    "none",
    "nor",
    "neither",
    "nobody",
    "nothing",
    "nowhere",
    "cannot",
    "dont",
    "cant",
    "wont",
    "isnt",
    "doesnt",
    "except",
    "unless",
    "nicht",
    "kein",
    "keine",
    "keinen",
    "keinem",
    "keiner",
    "keines",
    "nie",
    "niemals",
    "ohne",
    "weder",
    "noch",
    "nichts",
    "niemand",
    "außer",
    "ne",
    "pas",
    "jamais",
    "sans",
    "non",
    "rien",
    "aucun",
    "aucune",
    "ni",
    "sin",
    "nunca",
    "nada",
    "ningún",
    "ninguna",
    "ninguno",
    "tampoco",
    "senza",
    "mai",
    "nessuno",
    "nessuna",
    "niente",
    "não",
    "nem",
    "sem",
    "nenhum",
    "nenhuma",
    "niet",
    "geen",
    "nooit",
    "zonder",
    "не",
    "нет",
    "ни",
    "без",
    "никогда",
    "ikke",
    "inte",
    "ej",
    "bez",
]
_COUNTING: Final = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
    "hundred",
    "thousand",
    "million",
    "billion",
    "half",
    "double",
    "twice",
    "triple",
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "last",
    "once",
    "null",
    "ein",
    "eine",
    "eins",
    "zwei",
    "drei",
    "vier",
    "fünf",
    "sechs",
    "sieben",
    "acht",
    "neun",
    "zehn",
    "elf",
    "zwölf",
    "hundert",
    "tausend",
    "erste",
    "zweite",
    "dritte",
    "un",
    "une",
    "deux",
    "trois",
    "quatre",
    "cinq",
    "sept",
    "huit",
    "neuf",
    "dix",
    "cent",
    "mille",
    "uno",
    "una",
    "dos",
    "tres",
    "cuatro",
    "cinco",
    "seis",
    "siete",
    "ocho",
    "nueve",
    "diez",
]
_TELLING: Final = frozenset((*_DENYING, *_COUNTING))

_GREETINGS: Final = frozenset(("hi", "hello", "hey", "hallo"))
_ASKING: Final = frozenset(("please", "kindly", "bitte"))
_THANKS: Final = (("please",), ("thanks",), ("thank", "you"), ("bitte",), ("danke",))
_ENDS_SENTENCE: Final = frozenset(_MARK + mark for mark in ",.!?")

_DENIED: Final = {
    "can't": ("can", "not"),
    "won't": ("will", "not"),
    "shan't": ("shall", "not"),
    "cannot": ("can", "not"),
}
_IS: Final = frozenset(("what", "where", "how", "that", "there", "it"))
_SHORTENED: Final = {"re": "are", "ve": "have", "ll": "will", "m": "am"}


class Wording(NamedTuple):
    """What is said: the words in their order, and those of a greeting, a request or thanks around them."""

    words: tuple[str, ...]
    courtesy: tuple[str, ...]


def wording_of(text: str) -> Wording:
    """The words of a text; signs that are not marks of a sentence are words too. No words for a text without any."""
    found = _tokens(unicodedata.normalize("NFC", text.translate(_INVISIBLE)).translate(_TYPED))
    start, end = _start(found), len(found)
    end = _end(found, start)
    around = (*found[:start], *found[end:])
    return Wording(_without_marks(found[start:end]), _without_marks(around))


def every_word(wording: Wording) -> bytes:
    """16 bytes; equal for the same words in the same order."""
    return _digest(wording.words)


def telling_words(wording: Wording) -> bytes:
    """16 bytes; equal for the same numbers, signs, denials and counts, each as often, in whatever order."""
    return _digest(sorted(word for word in wording.words if not word.replace("'", "").isalpha() or word in _TELLING))


def _digest(words: tuple[str, ...] | list[str]) -> bytes:
    return hashlib.blake2b("\n".join(words).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _without_marks(tokens: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    return tuple(token for token in tokens if token[0] != _MARK)


def _tokens(text: str) -> list[str]:
    """Words, numbers, signs, and marks of sentences with a `_MARK` before them."""
    found: list[str] = []
    is_shouted = text == text.upper()
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token[0].isalpha():
            is_unit = bool(found) and found[-1][-1].isdigit()
            found.extend(_spelled(token if is_unit and not is_shouted else _folded(token, is_shouted=is_shouted)))
        elif _is_mark(text, match.start(), token):
            found.append(_MARK + token)
        else:
            found.append(token)
    return found


def _is_mark(text: str, at: int, token: str) -> bool:
    """Whether a sign only parts words: a `!` after a word, unless it may be a factorial, a hyphen inside a word."""
    if token in _MARKS:
        return True
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if token == "?":
        return not before.isspace() and before != ""
    if token == "!":
        ends = not after or after.isspace() or after in "!?\"'”)"
        return ends and (before in ("!", "?") or (before.isalpha() and text[at - 2 : at - 1].isalpha()))
    return token in _HYPHENS and before.isalpha() and after.isalpha()


def _folded(word: str, *, is_shouted: bool) -> str:
    """The word in lower case, but for a short one that its case may tell from another: US and us, MB and Mb."""
    if is_shouted or len(word) > _SHORT or word.islower() or word.istitle():
        return word.lower()
    return word


def _spelled(word: str) -> tuple[str, ...]:
    """A contraction as the words that it stands for."""
    if word in _DENIED:
        return _DENIED[word]
    stem, _, rest = word.rpartition("'")
    if rest == "t" and stem.endswith("n"):
        return stem[:-1], "not"
    if rest == "s" and stem in _IS:
        return stem, "is"
    if stem and rest in _SHORTENED:
        return stem, _SHORTENED[rest]
    return (word,)


def _start(found: list[str]) -> int:
    """Where what is asked begins: after a greeting that a mark ends, and after a please."""
    at = 0
    while at < len(found):
        is_greeting = found[at] in _GREETINGS and found[at + 1 : at + 2] and found[at + 1] in _ENDS_SENTENCE
        if not (is_greeting or found[at] in _ASKING or found[at][0] == _MARK):
            break
        at += 1
    return at


def _end(found: list[str], start: int) -> int:
    """Where it ends: before thanks or a please that come after a mark."""
    end = len(found)
    while end > start:
        if found[end - 1][0] == _MARK:
            end -= 1
            continue
        size = next((len(each) for each in _THANKS if tuple(found[max(start, end - len(each)) : end]) == each), 0)
        if not size or end - size <= start or found[end - size - 1] not in _ENDS_SENTENCE:
            break
        end -= size
    return end
