"""Path templates of `google.api.http`: a hand parser whose errors name the character.

Pure: text in, values out; it knows nothing of requests or messages. The grammar is the one in google/api/http.proto,
narrowed where implementations disagree: `**` stands last, variables neither nest nor repeat, `:` only begins the verb.
"""

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from edge.transcoder.percent import MalformedEscapeError, decode

STAR: Final = "*"
DOUBLE_STAR: Final = "**"
_LITERAL_CHARS: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()+,;=@%")
_IDENT_START: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_")
_IDENT_CHARS: Final = _IDENT_START | frozenset("0123456789")


class TemplateError(ValueError):
    """A path template that breaks the grammar."""


class TemplateRefusedError(TemplateError):
    """A path template that some implementations accept and this one refuses on purpose."""


class Variable(Struct, frozen=True):
    """A field path and the segments that it captures.

    `start` and `end` are indexes into the template's segments, `end` exclusive; `end` is -1 when the variable ends in
    `**` and so takes the rest of the path. A single variable captures exactly one segment and is decoded whole.
    """

    field: str
    start: int
    end: int

    @property
    def is_single(self) -> bool:
        """True when exactly one segment is captured, whatever the path."""
        return self.end - self.start == 1


class Template(Struct, frozen=True):
    """A parsed path template: segments as written, verb without its colon (empty for none), variables in order."""

    text: str
    segments: tuple[str, ...]
    verb: str
    variables: tuple[Variable, ...]

    @property
    def is_static(self) -> bool:
        """True when the template matches one path only and holds no escape."""
        return "*" not in self.text and "{" not in self.text and "%" not in self.text

    @property
    def shape(self) -> tuple[str, ...]:
        """What the template matches, verb last: literals decoded and marked with `=`, wildcards as they are."""
        return (*(_key(segment) for segment in self.segments), ":" + self.verb)


def parse_template(text: str) -> Template:
    """Parses a path template.

    Raises:
        TemplateRefusedError: legal elsewhere, refused here.
        TemplateError: not a template; the message names the character, counted from 1.
    """
    return _Parser(text).parse()


def overlaps(left: Template, right: Template) -> bool:
    """True when some path matches both templates."""
    if decode(left.verb) != decode(right.verb):
        return False
    for mine, other in zip(left.segments, right.segments, strict=False):
        if DOUBLE_STAR in (mine, other):
            return True
        if STAR not in (mine, other) and decode(mine) != decode(other):
            return False
    longer = max(left.segments, right.segments, key=len)
    shorter = min(len(left.segments), len(right.segments))
    return len(longer) == shorter or longer[shorter] == DOUBLE_STAR


def specificity(template: Template) -> tuple[int, ...]:
    """How exact each segment is, left to right: 2 for a literal, 1 for `*`, 0 for `**`. Greater is more specific."""
    return tuple({STAR: 1, DOUBLE_STAR: 0}.get(segment, 2) for segment in template.segments)


def _key(segment: str) -> str:
    return segment if segment in (STAR, DOUBLE_STAR) else "=" + decode(segment)


class _Parser:
    """One pass over one text; `_at` is the index of the next character."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._segments: list[str] = []
        self._variables: list[Variable] = []

    def parse(self) -> Template:
        if not self._take("/"):
            raise self._error("a path template begins with '/'")
        verb = ""
        if self._text != "/":
            self._parse_segments(in_variable=False)
            verb = self._parse_verb()
        if self._peek():
            raise self._error(f"unexpected {self._peek()!r}")
        self._check_variables()
        return Template(self._text, tuple(self._segments), verb, tuple(self._variables))

    def _parse_segments(self, *, in_variable: bool) -> None:
        self._parse_segment(in_variable=in_variable)
        while self._take("/"):
            self._parse_segment(in_variable=in_variable)

    def _parse_segment(self, *, in_variable: bool) -> None:
        if self._segments and self._segments[-1] == DOUBLE_STAR:
            self._refuse_after_double_star()
        if self._peek() == "{":
            if in_variable:
                raise self._error("a variable inside a variable", TemplateRefusedError)
            self._parse_variable()
        elif self._take(DOUBLE_STAR):
            self._segments.append(DOUBLE_STAR)
        elif self._take(STAR):
            self._segments.append(STAR)
        else:
            self._segments.append(self._literal("a segment"))

    def _refuse_after_double_star(self) -> None:
        rest = self._text[self._at :]
        if "*" in rest or "{" in rest:
            raise self._error("a wildcard after '**'")
        raise self._error("a segment after '**'", TemplateRefusedError)

    def _parse_variable(self) -> None:
        self._take("{")
        field, start = ".".join(self._field_path()), len(self._segments)
        if self._take("="):
            self._parse_segments(in_variable=True)
        else:
            self._segments.append(STAR)
        if self._peek() == ":":
            raise self._error("':' inside a variable", TemplateRefusedError)
        if not self._take("}"):
            raise self._error("a variable that is not closed with '}'")
        end = -1 if self._segments[-1] == DOUBLE_STAR else len(self._segments)
        self._variables.append(Variable(field, start, end))

    def _field_path(self) -> Iterator[str]:
        yield self._identifier()
        while self._take("."):
            yield self._identifier()

    def _identifier(self) -> str:
        start = self._at
        if self._peek() not in _IDENT_START:
            raise self._error("a field name must begin with a letter or '_'")
        while self._peek() in _IDENT_CHARS:
            self._at += 1
        return self._text[start : self._at]

    def _parse_verb(self) -> str:
        if not self._take(":"):
            return ""
        verb = self._literal("a verb")
        if self._peek() == ":":
            raise self._error("a second ':' in the verb", TemplateRefusedError)
        return verb

    def _literal(self, what: str) -> str:
        start = self._at
        while self._peek() in _LITERAL_CHARS:
            self._at += 1
        text = self._text[start : self._at]
        if not text:
            raise self._error(
                f"{what} must not be empty" if self._peek() in ("", "/", ":", "}") else f"unexpected {self._peek()!r}"
            )
        try:
            decode(text)
        except MalformedEscapeError:
            self._at = start + text.index("%")
            raise self._error("a malformed percent escape") from None
        return text

    def _check_variables(self) -> None:
        seen: set[str] = set()
        for variable in self._variables:
            if variable.field in seen:
                self._at = self._text.rindex("{" + variable.field)
                raise self._error(f"the variable {variable.field!r} stands twice", TemplateRefusedError)
            seen.add(variable.field)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self, token: str) -> bool:
        if self._text.startswith(token, self._at):
            self._at += len(token)
            return True
        return False

    def _error(self, problem: str, kind: type[TemplateError] = TemplateError) -> TemplateError:
        return kind(f"path template {self._text!r}: {problem} (character {self._at + 1})")
