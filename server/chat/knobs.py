"""The gateway's own knobs of one request, from the body and from headers; never sent upstream.

The body object `gateway` and the headers `x-perpetuo-*` say the same things; where both speak the body wins. This
module must not decide what a knob does.
"""

from collections.abc import Mapping

import msgspec

from server.chat.invalid import invalid_member
from server.chat.request import ChatRequest
from server.chat.view import GatewayKnobs
from server.errors import RequestInvalid

_HEADER_PREFIX = "x-perpetuo-"
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_CACHE_WORDS = ("default", "semantic", "no-cache", "no-store")
_MAX_AGE = "max-age="
_MAX_AGE_DIGITS = 9
NO_KNOBS = GatewayKnobs()
"""Where nothing is said."""
_NAMES = frozenset(name.replace("_", "-") for name in GatewayKnobs.__struct_fields__)


def knobs_from(request: ChatRequest, headers: Mapping[str, str]) -> GatewayKnobs:
    """The knobs of a request.

    `headers` are the `x-perpetuo-*` headers in lower case without the prefix: `strategy`, `strict` (`true` or `false`),
    `stream-mode`, `hedge`, `cache`, `tags` (`name=value, name=value`); others are left alone. Raises RequestInvalid,
    whose `param` is the member (`gateway.cache`) or the header (`x-perpetuo-cache`).
    """
    from_body = request.view.gateway
    has_headers = bool(headers) and not _NAMES.isdisjoint(headers)
    if from_body is msgspec.UNSET and not has_headers:
        return NO_KNOBS
    from_body = from_body if isinstance(from_body, GatewayKnobs) else NO_KNOBS
    _check_cache(from_body.cache, "gateway.cache")
    if not has_headers:
        return from_body
    from_headers = _read_headers(headers)
    return GatewayKnobs(
        *(
            there if here is None else here
            for here, there in zip(
                msgspec.structs.astuple(from_body), msgspec.structs.astuple(from_headers), strict=True
            )
        )
    )


def _read_headers(headers: Mapping[str, str]) -> GatewayKnobs:
    found: dict[str, object] = {}
    for name in GatewayKnobs.__struct_fields__:
        text = headers.get(name.replace("_", "-"))
        if text is None:
            continue
        found[name] = _read_header(name, text.strip())
    try:
        knobs = msgspec.convert(found, GatewayKnobs)
    except msgspec.ValidationError as exc:
        refusal = invalid_member(msgspec.json.encode(found), exc)
        header = _HEADER_PREFIX + (refusal.param or "").replace("_", "-")
        message = refusal.message.replace(f"'{refusal.param}'", f"The header '{header}'")
        raise RequestInvalid(message, param=header) from None
    _check_cache(knobs.cache, _HEADER_PREFIX + "cache")
    return knobs


def _read_header(name: str, text: str) -> object:
    header = _HEADER_PREFIX + name.replace("_", "-")
    if name in ("strict", "hedge"):
        if text.lower() not in _BOOLEANS:
            raise RequestInvalid(f"The header '{header}' must be true or false, but is {text[:40]!r}.", param=header)
        return _BOOLEANS[text.lower()]
    if name == "tags":
        pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
        if not all(label.strip() for label, _, _ in pairs):
            raise RequestInvalid(f"The header '{header}' must be like 'team=search, stage=test'.", param=header)
        return {label.strip(): value.strip() for label, _, value in pairs}
    return text


def _check_cache(cache: str | None, param: str) -> None:
    if cache is None or cache in _CACHE_WORDS:
        return
    age = cache.removeprefix(_MAX_AGE)
    if age == cache or not (age.isascii() and age.isdigit() and len(age) <= _MAX_AGE_DIGITS):
        raise RequestInvalid(
            f"'{param}' must be default, semantic, no-cache, no-store or max-age=SECONDS, but is {cache[:40]!r}.",
            param=param,
        )
