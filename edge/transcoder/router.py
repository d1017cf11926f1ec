"""Which route a request means: a trie over the raw path, built once, never changed.

Most specific wins, segment by segment from the left: literal, then `*`, then `**`; the order of declaration is
irrelevant. It works on the path as sent, because a path that was decoded first cannot tell `/` from `%2F`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Final, Generic, TypeVar

from msgspec import Struct

from edge.transcoder.faults import TranscodeError, invalid, method_not_allowed, route_unknown
from edge.transcoder.percent import MalformedEscapeError, decode
from edge.transcoder.template import DOUBLE_STAR, STAR, Template, overlaps, specificity

T = TypeVar("T")
ANY_METHOD: Final = "*"
_SHOWN_CHARS: Final = 200
_COMPARED_CHARS: Final = 256


class RouteConflictError(ValueError):
    """Two routes that the same request would match equally well."""


class Route(Struct, Generic[T], frozen=True):
    """An HTTP method (`*` for any), a template, what they lead to, and where they were declared."""

    method: str
    template: Template
    target: T
    source: str


class Match(Struct, Generic[T], frozen=True):
    """The route of a request and the decoded values of its template's variables, in their order."""

    route: Route[T]
    values: tuple[str, ...]

    @property
    def target(self) -> T:
        """What the route leads to."""
        return self.route.target


class NoMatch(Struct, frozen=True):
    """No route: `allowed` are the methods which the path has (empty: unknown path), `nearest` a known path like it."""

    path: str
    allowed: tuple[str, ...]
    nearest: str | None

    def error(self, method: str) -> TranscodeError:
        """The 404 or 405 that the caller is told."""
        shown = self.path[:_SHOWN_CHARS]
        if self.allowed:
            return method_not_allowed(f"{shown} has no {method}; it has {', '.join(self.allowed)}.", self.allowed)
        hint = f" The nearest known path is {self.nearest}." if self.nearest else ""
        return route_unknown(f"There is nothing at {shown}.{hint}")


class _Node(Generic[T]):
    """A place in the trie. `leaf` ends here; `rest` takes whatever follows."""

    __slots__ = ("leaf", "literals", "rest", "star")

    def __init__(self) -> None:
        self.literals: dict[str, _Node[T]] = {}
        self.star: _Node[T] | None = None
        self.leaf: dict[str, Route[T]] = {}
        self.rest: dict[str, Route[T]] = {}

    def add(self, route: Route[T]) -> None:
        node = self
        for segment in route.template.segments:
            if segment == DOUBLE_STAR:
                node.rest[route.method] = route
                return
            node = node._child(segment)
        node.leaf[route.method] = route

    def _child(self, segment: str) -> "_Node[T]":
        if segment == STAR:
            self.star = self.star or _Node()
            return self.star
        return self.literals.setdefault(decode(segment), _Node())

    def leaves(self, segments: Sequence[str], index: int = 0) -> Iterator[dict[str, Route[T]]]:
        """Every end that matches, most specific first."""
        if index == len(segments):
            yield self.leaf
        else:
            segment = segments[index]
            literal = self.literals.get(segment)
            if literal is not None:
                yield from literal.leaves(segments, index + 1)
            if segment and self.star is not None:
                yield from self.star.leaves(segments, index + 1)
        yield self.rest


class Router(Generic[T]):
    """All routes of a server. Matching neither changes nor locks anything."""

    def __init__(self, routes: Iterable[Route[T]]) -> None:
        """Builds the trie.

        Raises:
            RouteConflictError: two routes of one method match the same paths equally well.
        """
        self._routes = tuple(routes)
        self._tries: dict[str, _Node[T]] = {"": _Node()}
        self._static: dict[str, dict[str, Route[T]]] = {}
        _refuse_conflicts(self._routes)
        for route in self._routes:
            self._tries.setdefault(decode(route.template.verb), _Node()).add(route)
            if route.template.is_static:
                self._static.setdefault(route.template.text, {})[route.method] = route
        self._bigrams = {text: _bigrams(text) for text in sorted({r.template.text for r in self._routes})}

    @property
    def routes(self) -> tuple[Route[T], ...]:
        """Every route, in order of declaration."""
        return self._routes

    def match(self, method: str, raw_path: bytes) -> Match[T] | NoMatch:
        """The route for an HTTP method and the path as sent, without the query.

        Raises:
            TranscodeError: 400, an escape in the path is malformed or is not UTF-8.
        """
        try:
            path = raw_path.decode()
            static = self._static.get(path)
            if static is not None and (route := _pick(static, method)) is not None:
                return Match(route, ())
            return self._search(method, path)
        except UnicodeDecodeError as error:
            raise invalid("The path is not UTF-8 text.") from error
        except MalformedEscapeError as error:
            raise invalid(f"The path holds a malformed percent escape: {error}.") from error

    def _search(self, method: str, path: str) -> Match[T] | NoMatch:
        allowed: set[str] = set()
        for trie, raw in self._readings(path):
            segments = [decode(segment) for segment in raw]
            for leaf in trie.leaves(segments):
                route = _pick(leaf, method)
                if route is not None:
                    return Match(route, _capture(route.template, raw, segments))
                allowed.update(leaf)
        if allowed:
            return NoMatch(path, tuple(sorted(allowed | ({"HEAD"} if "GET" in allowed else set()))), None)
        return NoMatch(path, (), self._nearest(path))

    def _readings(self, path: str) -> Iterator[tuple[_Node[T], list[str]]]:
        """The ways to read a path: with its last `:` as a verb that some route has, then with all of it as data."""
        if not path.startswith("/"):
            return
        raw = path[1:].split("/") if path != "/" else []
        head, colon, verb = raw[-1].rpartition(":") if raw else ("", "", "")
        if colon and verb and (trie := self._tries.get(decode(verb))) is not None:
            yield trie, [*raw[:-1], head]
        yield self._tries[""], raw

    def _nearest(self, path: str) -> str | None:
        """The template that shares most pairs of neighbouring characters with the path."""
        asked = _bigrams(path[:_COMPARED_CHARS])
        best = max(self._bigrams, key=lambda text: _likeness(asked, self._bigrams[text]), default=None)
        return best if best is not None and asked & self._bigrams[best] else None


def _pick(leaf: Mapping[str, Route[T]], method: str) -> Route[T] | None:
    """The route of a method at one end; HEAD is served as GET."""
    route = leaf.get(method)
    if route is None and method == "HEAD":
        route = leaf.get("GET")
    return route if route is not None else leaf.get(ANY_METHOD)


def _capture(template: Template, raw: Sequence[str], decoded: Sequence[str]) -> tuple[str, ...]:
    values = []
    for variable in template.variables:
        if variable.is_single:
            values.append(decoded[variable.start])
        else:
            end = len(raw) if variable.end < 0 else variable.end
            values.append("/".join(decode(segment, keep_slash=True) for segment in raw[variable.start : end]))
    return tuple(values)


def _refuse_conflicts(routes: Sequence[Route[T]]) -> None:
    for one, other in combinations(routes, 2):
        if one.method != other.method or specificity(one.template) != specificity(other.template):
            continue
        if overlaps(one.template, other.template):
            raise RouteConflictError(f"{one.source} and {other.source} match the same paths")


def _bigrams(text: str) -> frozenset[str]:
    return frozenset(text[i : i + 2] for i in range(len(text) - 1))


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """Dice's coefficient, 0 to 1."""
    return 2 * len(one & other) / ((len(one) + len(other)) or 1)
