"""What a request lets the cache do: read, store, both or nothing, and how old an answer may be.

Pure. What the request says itself (the knob before the `Cache-Control` header) goes before the workspace's policy, and
that before the usual: answers are kept only for requests that ask for temperature 0, and so for one answer. A
temperature that is left out is not 0.
"""

import math
from typing import Final

from msgspec import Struct

from server.chat.view import CachePolicy, ChatView

_MAX_AGE: Final = "max-age="
_MAX_AGE_DIGITS: Final = 9
_ALL: Final = ("exact", "semantic")


class CacheUse(Struct, frozen=True):
    """What the cache may do for one request. Answers older than `max_age_s` seconds do not count.

    `is_semantic`: an answer to a request that is like this one will do.
    """

    reads: bool
    stores: bool
    max_age_s: float = math.inf
    is_semantic: bool = False


NOTHING: Final = CacheUse(reads=False, stores=False)
_BOTH: Final = CacheUse(reads=True, stores=True)
_ALIKE: Final = CacheUse(reads=True, stores=True, is_semantic=True)


def use_of(view: ChatView, knob: str | None, header: str | None, policy: CachePolicy) -> CacheUse:
    """What the cache may do for a request.

    `knob` is `default`, `semantic`, `no-cache`, `no-store` or `max-age=SECONDS`, as it was checked; None leaves it to
    `header`, a `Cache-Control` of HTTP, of which unknown directives are ignored. `max-age` asks for the cache whatever
    the policy, and `semantic` is what the policy of that name is.
    """
    if knob is None and not header:
        if view.temperature != 0 if policy == "default" else policy == "off":
            return NOTHING  # which is what most requests ask for
        return NOTHING if _is_unrepeatable(view) else _ALIKE if policy == "semantic" else _BOTH
    words = _words(header) if knob is None else {knob}
    if knob == "semantic":
        policy = "semantic"
    if "no-store" in words or _is_unrepeatable(view):
        return NOTHING
    max_age_s = _max_age_s(words)
    is_on = max_age_s is not None or policy in _ALL or (policy == "default" and view.temperature == 0)
    if not is_on:
        return NOTHING
    reads = "no-cache" not in words and max_age_s != 0
    oldest_s = math.inf if max_age_s is None else float(max_age_s)
    return CacheUse(reads, stores=True, max_age_s=oldest_s, is_semantic=policy == "semantic")


def _words(header: str | None) -> set[str]:
    return {word.strip().lower() for word in header.split(",")} if header else set()


def _max_age_s(words: set[str]) -> int | None:
    """The shortest age that is named; None if none is, or none that is a number."""
    ages = [word.removeprefix(_MAX_AGE).strip('"') for word in words if word.startswith(_MAX_AGE)]
    return min(
        (int(age) for age in ages if age.isascii() and age.isdigit() and len(age) <= _MAX_AGE_DIGITS), default=None
    )


def _is_unrepeatable(view: ChatView) -> bool:
    """Whether the answer is of a kind that is not kept: sound, what the web says now, or what the provider stores."""
    return bool(view.audio or view.web_search_options or view.store)
