"""The router: specificity, verbs, escapes, methods, and paths that mean harm."""

from contextlib import suppress
from itertools import permutations
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.transcoder.faults import TranscodeError
from edge.transcoder.router import Match, NoMatch, Route, RouteConflictError, Router
from edge.transcoder.template import parse_template


def router(*selectors: str) -> Router[str]:
    """A router over `METHOD /template` texts, each its own target."""
    routes = []
    for selector in selectors:
        method, _, text = selector.partition(" ")
        routes.append(Route(method, parse_template(text), selector, f"file: {selector}"))
    return Router(routes)


def matched(found: Match[str] | NoMatch) -> tuple[str, tuple[str, ...]]:
    assert isinstance(found, Match), f"no match: {found}"
    return found.target, found.values


def missed(found: Match[str] | NoMatch) -> NoMatch:
    assert isinstance(found, NoMatch), f"matched {found}"
    return found


SPECIFIC = ["GET /a/b", "GET /a/{x}", "GET /a/{x=**}", "GET /{x=**}", "GET /a/{x}:do", "GET /{x=**}:do"]


@pytest.mark.parametrize("selectors", list(permutations(SPECIFIC))[::97], ids=lambda each: " ".join(each)[:60])
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/a/b", ("GET /a/b", ())),
        ("/a/c", ("GET /a/{x}", ("c",))),
        ("/a/c/d", ("GET /a/{x=**}", ("c/d",))),
        ("/a", ("GET /a/{x=**}", ("",))),
        ("/z/y", ("GET /{x=**}", ("z/y",))),
        ("/", ("GET /{x=**}", ("",))),
        ("/a/b:do", ("GET /a/{x}:do", ("b",))),
        ("/z/y/x:do", ("GET /{x=**}:do", ("z/y/x",))),
        ("/a/b:other", ("GET /a/{x}", ("b:other",))),
        ("/a/b:", ("GET /a/{x}", ("b:",))),
        ("/a:do/b", ("GET /{x=**}", ("a:do/b",))),
        ("/a//", ("GET /a/{x=**}", ("/",))),
    ],
)
def test_the_most_specific_route_wins_in_any_order_of_declaration(
    selectors: tuple[str, ...], path: str, expected: tuple[str, tuple[str, ...]]
) -> None:
    assert matched(router(*selectors).match("GET", path.encode())) == expected


@pytest.mark.parametrize(
    ("selector", "path", "values"),
    [
        pytest.param("GET /m/{x}", "/m/a%2Fb", ("a/b",), id="one segment is decoded whole"),
        pytest.param(
            "GET /m/{x=**}", "/m/a%2Fb%2f/c%20d", ("a%2Fb%2f/c d",), id="several keep escaped slashes as written"
        ),
        pytest.param("GET /m/{x=n/*}", "/m/n/a%2Fb", ("n/a%2Fb",), id="so does a single wildcard among several"),
        pytest.param("GET /m/{x}", "/m/a+b", ("a+b",), id="a plus is a plus"),
        pytest.param(
            "GET /m/{x=**}", "/m/ft:gpt-4o:org::id", ("ft:gpt-4o:org::id",), id="colons are data without a verb"
        ),
        pytest.param("GET /m/{x}:do", "/m/a%3Ado:do", ("a:do",), id="an escaped colon begins no verb"),
        pytest.param("GET /m/{x}", "/m/é", ("é",), id="raw UTF-8 is taken"),
        pytest.param("GET /m/{x}", "/%6D/y", ("y",), id="literals compare after decoding"),
        pytest.param("GET /a%2Fb/{x}", "/a%2fb/y", ("y",), id="an escaped slash in a literal"),
        pytest.param("GET /m/{x}/{y=**}", "/m/1", ("1", ""), id="the rest may be nothing"),
        pytest.param("GET /{a.b}/{c}", "/1/2", ("1", "2"), id="values come in the template's order"),
        pytest.param("GET /m/{x}", "/m/..", ("..",), id="dots are data"),
    ],
)
def test_values_are_captured(selector: str, path: str, values: tuple[str, ...]) -> None:
    assert matched(router(selector).match("GET", path.encode())) == (selector, values)


@pytest.mark.parametrize(
    "path",
    ["", "a", "*", "/m", "/m/", "/m//", "//m/a", "/m/a/", "/M/a", "/m%2Fa", "/m/a/b", "//", "http://host/m/a"],
)
def test_other_paths_do_not_match(path: str) -> None:
    assert missed(router("GET /m/{x}").match("GET", path.encode())).allowed == ()


@pytest.mark.parametrize("path", [b"/m/%", b"/m/%zz", b"/m/%2", b"/m/%ff", b"/m/\xff", b"/%zz", b"/m/a%C3/b"])
def test_a_malformed_path_is_a_400(path: bytes) -> None:
    with pytest.raises(TranscodeError) as caught:
        router("GET /m/{x}", "GET /m/{x=**}:do").match("GET", path)
    assert caught.value.http_status == 400


def test_a_malformed_verb_is_a_400() -> None:
    with pytest.raises(TranscodeError):
        router("GET /m/{x}:do").match("GET", b"/m/a:%zz")


@pytest.mark.parametrize(
    ("selectors", "method", "path", "expected"),
    [
        pytest.param(("GET /a", "POST /a"), "POST", "/a", "POST /a", id="the method picks among equals"),
        pytest.param(("GET /a",), "HEAD", "/a", "GET /a", id="HEAD is served as GET"),
        pytest.param(("GET /{x}",), "HEAD", "/a", "GET /{x}", id="HEAD is served as GET, with variables"),
        pytest.param(("GET /a", "HEAD /a"), "HEAD", "/a", "HEAD /a", id="unless HEAD has a route"),
        pytest.param(("* /a",), "PURGE", "/a", "* /a", id="a star takes any method"),
        pytest.param(("* /a", "GET /a"), "GET", "/a", "GET /a", id="a method goes before a star"),
        pytest.param(
            ("POST /a/b", "GET /a/{x}"), "GET", "/a/b", "GET /a/{x}", id="a less specific route with the method"
        ),
        pytest.param(("POST /a:do", "GET /{x}"), "GET", "/a:do", "GET /{x}", id="a verb of another method is data"),
    ],
)
def test_the_method_counts(selectors: tuple[str, ...], method: str, path: str, expected: str) -> None:
    assert matched(router(*selectors).match(method, path.encode()))[0] == expected


def test_a_wrong_method_is_told_the_right_ones() -> None:
    found = missed(router("GET /a", "POST /{x}", "DELETE /b").match("PUT", b"/a"))
    assert found.allowed == ("GET", "HEAD", "POST")
    error = found.error("PUT")
    assert (error.http_status, error.reason, error.allow) == (405, "METHOD_NOT_ALLOWED", ("GET", "HEAD", "POST"))
    assert error.message == "/a has no PUT; it has GET, HEAD, POST."


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        ("/v1/chat/completion", "/v1/chat/completions"),
        ("/chat/completions", "/v1/chat/completions"),
        ("/v1/chat/completions/", "/v1/chat/completions"),
        ("/v1/model", "/v1/models"),
        ("/workspace/ws_1/keys", "/workspaces/{id}/keys"),
    ],
)
def test_an_unknown_path_is_told_the_nearest_one(path: str, nearest: str) -> None:
    known = router("POST /v1/chat/completions", "GET /v1/models", "GET /workspaces/{id}/keys")
    found = missed(known.match("GET", path.encode()))
    assert found.nearest == nearest
    error = found.error("GET")
    assert (error.http_status, error.reason) == (404, "ROUTE_UNKNOWN")
    assert error.message == f"There is nothing at {path}. The nearest known path is {nearest}."


def test_a_path_like_none_is_told_none() -> None:
    assert missed(router("GET /abc").match("GET", b"*")).error("GET").message == "There is nothing at *."
    assert missed(router().match("GET", b"/abc")).nearest is None


def test_a_huge_path_is_answered_shortly() -> None:
    found = missed(router("GET /a/{x}").match("GET", b"/b" * 30_000))
    assert len(found.error("GET").message) < 300


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("GET /a/{x}", "GET /a/{y}"),
        ("GET /a/{x=b/*}", "GET /a/b/{y}"),
        ("GET /a", "GET /a"),
        ("GET /{x=**}:do", "GET /{y=**}:do"),
        ("GET /a%2Db", "GET /a-b"),
    ],
)
def test_equal_routes_are_refused_by_name(one: str, other: str) -> None:
    with pytest.raises(RouteConflictError, match="match the same paths") as caught:
        router(one, other)
    assert f"file: {one}" in str(caught.value)
    assert f"file: {other}" in str(caught.value)


@pytest.mark.parametrize(
    ("one", "other"), [("GET /a/{x}", "POST /a/{x}"), ("GET /a/*", "GET /*/a"), ("GET /a:x", "GET /a:y")]
)
def test_routes_that_differ_are_accepted(one: str, other: str) -> None:
    assert [route.target for route in router(one, other).routes] == [one, other]


_TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(one=_TEXT, rest=st.lists(_TEXT.filter(lambda text: "/" not in text), max_size=4))
def test_what_a_template_formats_it_matches(one: str, rest: list[str]) -> None:
    """A path made of any values gives the values back: the rest is joined by slashes that are not escaped."""
    escaped = "/".join(quote(segment, safe="") for segment in rest)
    path = f"/v1/{quote(one, safe='')}/of" + (f"/{escaped}" if rest else "")
    found = router("GET /v1/{one}/of/{rest=**}", "GET /v1/*", "POST /**").match("GET", path.encode())
    assert matched(found) == ("GET /v1/{one}/of/{rest=**}", (one, "/".join(rest)))


@given(st.binary(max_size=60))
def test_no_path_breaks_the_router(tail: bytes) -> None:
    with suppress(TranscodeError):
        router("GET /a/{x}", "GET /a/{x=**}:do", "POST /{x=**}").match("GET", b"/a/" + tail)
