"""Cases about templates and routes: template, match, http, template_overlap."""

from collections.abc import Iterable, Mapping
from typing import Any

from edge.transcoder.faults import TranscodeError
from edge.transcoder.profile import Profile
from edge.transcoder.router import Match, Route, RouteConflictError, Router
from edge.transcoder.template import Template, TemplateError, TemplateRefusedError, overlaps, parse_template
from tests.conformance.check import Case, Refused, Seen
from tests.conformance.schemas import Schemas

# The gRPC code in the body of an error that routing makes; both are UNIMPLEMENTED in the error table.
_CODE_OF_REASON = {"REQUEST_INVALID": 3, "ROUTE_UNKNOWN": 12, "METHOD_NOT_ALLOWED": 12}


def check_template(case: Case, schemas: Schemas, profile: Profile) -> Seen:
    """A template is valid or not, and if it is, has these parts."""
    try:
        template = parse_template(case["template"])
    except TemplateRefusedError as error:
        if case["valid"]:
            raise Refused(str(error)) from error
        return Seen(False, False)
    except TemplateError as error:
        return Seen("valid" if case["valid"] else False, str(error) if case["valid"] else False)
    if not case["valid"]:
        return Seen("an error", _parts(template))
    expected = {name: case[name] for name in ("segments", "verb", "variables") if name in case}
    return Seen(expected, {name: value for name, value in _parts(template).items() if name in expected})


def check_overlap(case: Case, schemas: Schemas, profile: Profile) -> Seen:
    """Two templates match a common path or not."""
    left, right = (_template(case[name]) for name in ("template_a", "template_b"))
    return Seen((case["overlap"], case["overlap"]), (overlaps(left, right), overlaps(right, left)))


def check_match(case: Case, schemas: Schemas, profile: Profile) -> Seen:
    """A request meets a route with these values, or none, in whatever order the routes were declared."""
    seen = {_answer(routes, case["request"]) for routes in (case["routes"], case["routes"][::-1])}
    expect = case["expect"]
    expected = "no match" if expect.get("no_match") else _shown(expect["template"], expect["bindings"])
    return Seen({expected}, seen)


def check_http(case: Case, schemas: Schemas, profile: Profile) -> Seen:
    """Routing alone answers with this status. `routed_method` is the HTTP method of the route that was met."""
    request = case["request"]
    try:
        found = _router(case["routes"]).match(request["method"], request["path"].encode())
        if not isinstance(found, Match):
            raise found.error(request["method"])
        actual = {"status": 200, "routed_method": found.route.method}
    except TranscodeError as error:
        actual = {"status": error.http_status, "grpc_code": _CODE_OF_REASON[error.reason]}
    expected = {**_implied(request), **case["expect"]} if case.get("decision") == "deviate" else case["expect"]
    return Seen(expected, {name: value for name, value in actual.items() if name in expected})


def _implied(request: Mapping[str, Any]) -> Mapping[str, object]:
    """What a case that expects a method override says between the lines."""
    override = request.get("headers", {}).get("x-http-method-override")
    return {"routed_method": override} if override else {}


def _answer(routes: Iterable[Mapping[str, str]], request: Mapping[str, str]) -> str:
    try:
        found = _router(routes).match(request["method"], request["path"].encode())
    except TranscodeError as error:
        return f"{error.http_status}: {error.message}"
    if not isinstance(found, Match):
        return "no match"
    names = (variable.field for variable in found.route.template.variables)
    return _shown(found.route.template.text, dict(zip(names, found.values, strict=True)))


def _shown(template: str, bindings: Mapping[str, str]) -> str:
    return f"{template} {sorted(bindings.items())}"


def _router(routes: Iterable[Mapping[str, str]]) -> Router[None]:
    try:
        return Router(
            Route(route["method"], _template(route["template"]), None, f"{route['method']} {route['template']}")
            for route in routes
        )
    except RouteConflictError as error:
        raise Refused(str(error)) from error


def _template(text: str) -> Template:
    try:
        return parse_template(text)
    except TemplateRefusedError as error:
        raise Refused(str(error)) from error


def _parts(template: Template) -> Mapping[str, object]:
    return {
        "segments": list(template.segments),
        "verb": template.verb,
        "variables": [{"field": each.field, "start": each.start, "end": each.end} for each in template.variables],
    }
