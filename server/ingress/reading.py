"""What every face does first with a request: looks at its shape, and decodes it into the face's own view.

Raises RequestInvalid and nothing else, with the path of the member in the face's own terms.
"""

from typing import TypeVar

import msgspec
from msgspec import Raw

from server.chat.invalid import invalid_member
from server.chat.scan import check_shape, describe_syntax
from server.errors import RequestInvalid

T = TypeVar("T")

Members = dict[str, Raw]
ENCODER = msgspec.json.Encoder()

_MEMBERS = msgspec.json.Decoder(dict[str, Raw])


def read_body(decoder: msgspec.json.Decoder[T], body: bytes) -> tuple[T, Members]:
    """The view of a request, and its top-level members in their order, each as it came."""
    check_shape(body)
    return decode(decoder, body), _MEMBERS.decode(body)


def decode(decoder: msgspec.json.Decoder[T], text: bytes | Raw, *, at: str = "") -> T:
    """A value by its type; `at` is the path of the text in the request."""
    try:
        return decoder.decode(text)
    except msgspec.ValidationError as exc:
        raise invalid_member(bytes(text), exc, at=at) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise RequestInvalid(f"The request body is not JSON: {describe_syntax(exc)}.") from None


def required(value: object, path: str) -> None:
    """Refuses a member that is absent or null."""
    if value is None or value is msgspec.UNSET:
        raise RequestInvalid(f"The member '{path}' is required, but it is missing.", param=path)


def is_set(value: object) -> bool:
    """Whether a member is there and not null."""
    return value is not msgspec.UNSET and value is not None and value != _NULL


def one_of(value: str, words: tuple[str, ...], path: str) -> None:
    """Refuses a word that is none of those."""
    if value not in words:
        raise RequestInvalid(f"'{path}' must be one of {', '.join(words)}, but is {value[:40]!r}.", param=path)


_NULL = Raw(b"null")
