"""The table of errors, written out by hand, so that the options of the protos are held against a second copy.

One row per reason: what a caller of each face is told. It must not be made from the protos.
"""

from dataclasses import dataclass

from grpc import StatusCode


@dataclass(frozen=True, slots=True)
class Row:
    """One reason.

    `retries`: the caller is invited to try again after a time. `has_pushback`: stubs are told never to retry.
    `tells_wait`: a known time until things may be better is told, without an invitation.
    """

    reason: str
    http_status: int
    grpc_code: StatusCode
    code: str
    type: str
    retries: bool = False
    has_pushback: bool = False
    tells_wait: bool = False
    is_quota: bool = False


_S = StatusCode
_AUTHENTICATION = "authentication_error"
_PERMISSION = "permission_error"
_NOT_FOUND = "not_found_error"
_REQUEST = "invalid_request_error"
_LIMIT = "rate_limit_error"
_API = "api_error"
_OVERLOAD = "overloaded_error"

# fmt: off
TABLE = (
    Row("KEY_MISSING", 401, _S.UNAUTHENTICATED, "invalid_api_key", _AUTHENTICATION),
    Row("KEY_INVALID", 401, _S.UNAUTHENTICATED, "invalid_api_key", _AUTHENTICATION),
    Row("KEY_EXPIRED", 401, _S.UNAUTHENTICATED, "invalid_api_key", _AUTHENTICATION),
    Row("KEY_REVOKED", 401, _S.UNAUTHENTICATED, "invalid_api_key", _AUTHENTICATION),
    Row("TOKEN_INVALID", 401, _S.UNAUTHENTICATED, "token_invalid", _AUTHENTICATION),
    Row("LOGIN_FAILED", 401, _S.UNAUTHENTICATED, "login_failed", _AUTHENTICATION),
    Row("PERMISSION_DENIED", 403, _S.PERMISSION_DENIED, "permission_denied", _PERMISSION),
    Row("MODEL_NOT_ALLOWED", 403, _S.PERMISSION_DENIED, "model_not_allowed", _PERMISSION),
    Row("PLAN_REQUIRED", 403, _S.PERMISSION_DENIED, "plan_required", _PERMISSION),
    Row("SIGNUP_CLOSED", 403, _S.PERMISSION_DENIED, "signup_closed", _PERMISSION),
    Row("RESOURCE_NOT_FOUND", 404, _S.NOT_FOUND, "resource_not_found", _NOT_FOUND),
    Row("ROUTE_UNKNOWN", 404, _S.UNIMPLEMENTED, "route_unknown", _NOT_FOUND),
    Row("MODEL_UNKNOWN", 404, _S.NOT_FOUND, "model_not_found", _NOT_FOUND),
    Row("METHOD_NOT_ALLOWED", 405, _S.UNIMPLEMENTED, "method_not_allowed", _REQUEST),
    Row("REQUEST_INVALID", 400, _S.INVALID_ARGUMENT, "request_invalid", _REQUEST),
    Row("PARAM_UNSUPPORTED", 400, _S.INVALID_ARGUMENT, "param_unsupported", _REQUEST),
    Row("PASSWORD_WEAK", 400, _S.INVALID_ARGUMENT, "password_weak", _REQUEST),
    Row("BASE_URL_REFUSED", 400, _S.INVALID_ARGUMENT, "base_url_refused", _REQUEST),
    Row("CONTEXT_TOO_LONG", 400, _S.INVALID_ARGUMENT, "context_length_exceeded", _REQUEST),
    Row("CONTENT_BLOCKED", 400, _S.FAILED_PRECONDITION, "content_policy_violation", _REQUEST),
    Row("ALREADY_EXISTS", 409, _S.ALREADY_EXISTS, "already_exists", _REQUEST),
    Row("CONFLICT", 409, _S.ABORTED, "conflict", _REQUEST),
    Row("BODY_TOO_LARGE", 413, _S.RESOURCE_EXHAUSTED, "body_too_large", _REQUEST),
    Row("MEDIA_TYPE_UNSUPPORTED", 415, _S.INVALID_ARGUMENT, "media_type_unsupported", _REQUEST),
    Row("RATE_LIMITED", 429, _S.RESOURCE_EXHAUSTED, "rate_limit_exceeded", _LIMIT, retries=True),
    Row("LOGIN_THROTTLED", 429, _S.RESOURCE_EXHAUSTED, "rate_limit_exceeded", _LIMIT, retries=True),
    Row("UPSTREAM_RATE_LIMITED", 429, _S.RESOURCE_EXHAUSTED, "rate_limit_exceeded", _LIMIT, retries=True),
    Row("UPSTREAM_QUOTA", 429, _S.RESOURCE_EXHAUSTED, "insufficient_quota", "insufficient_quota", is_quota=True),
    # Only logged, as nobody is there to be told; whoever reads it all the same is told something well formed.
    Row("CLIENT_GONE", 499, _S.CANCELLED, "client_gone", _REQUEST),
    Row("INTERNAL", 500, _S.INTERNAL, "internal_error", _API),
    Row("NOT_IMPLEMENTED", 501, _S.UNIMPLEMENTED, "not_implemented", _API),
    Row("UPSTREAM_AUTH", 502, _S.FAILED_PRECONDITION, "upstream_auth", _API),
    Row("UPSTREAM_FORBIDDEN", 502, _S.FAILED_PRECONDITION, "upstream_forbidden", _API),
    Row("UPSTREAM_REDIRECT", 502, _S.FAILED_PRECONDITION, "upstream_redirect", _API),
    Row("UPSTREAM_BLOCKED", 502, _S.FAILED_PRECONDITION, "upstream_blocked", _API),
    Row("UPSTREAM_DNS", 502, _S.UNAVAILABLE, "upstream_dns", _API, has_pushback=True),
    Row("UPSTREAM_TLS", 502, _S.UNAVAILABLE, "upstream_tls", _API, has_pushback=True),
    Row("UPSTREAM_RESET", 502, _S.UNAVAILABLE, "upstream_reset", _API, has_pushback=True),
    Row("UPSTREAM_BAD_RESPONSE", 502, _S.UNAVAILABLE, "upstream_bad_response", _API, has_pushback=True),
    # Told in band; the status holds where there is no stream to tell it in.
    Row("UPSTREAM_STREAM_INTERRUPTED", 502, _S.UNAVAILABLE, "upstream_stream_interrupted", _API, has_pushback=True),
    Row("UPSTREAM_UNAVAILABLE", 503, _S.UNAVAILABLE, "upstream_unavailable", _OVERLOAD, has_pushback=True),
    Row("NO_HEALTHY_ROUTE", 503, _S.UNAVAILABLE, "no_healthy_route", _OVERLOAD, has_pushback=True, tells_wait=True),
    Row("OVERLOADED", 503, _S.UNAVAILABLE, "overloaded", _OVERLOAD, retries=True),
    Row("DRAINING", 503, _S.UNAVAILABLE, "draining", _OVERLOAD, retries=True),
    Row("STORE_UNAVAILABLE", 503, _S.UNAVAILABLE, "store_unavailable", _OVERLOAD, retries=True),
    Row("UPSTREAM_TIMEOUT", 504, _S.DEADLINE_EXCEEDED, "upstream_timeout", _API),
    Row("DEADLINE_EXCEEDED", 504, _S.DEADLINE_EXCEEDED, "deadline_exceeded", _API),
)
# fmt: on
