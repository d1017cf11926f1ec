"""Why a request can fail: one class for each reason of `perpetuo.v1.ErrorReason`, and nothing else.

Everything in the core raises these; only the interceptor that ends a call turns them into a gRPC status. The table in
`protos/perpetuo/v1/errors.proto` is the source of statuses and codes, and a test holds this module equal to it.
Messages say what happened and what to do, and never hold a secret.
"""

from collections.abc import Mapping
from typing import ClassVar


class PerpetuoError(Exception):
    """A failure with a reason.

    `message` is shown to the caller. `param` is the path of the member at fault, as `messages[2].content`.
    `retry_after_s` is when trying again makes sense, in seconds, 0 to 60. `details` are the variables of the message,
    under lowerCamel names.
    """

    reason: ClassVar[str] = "INTERNAL"
    http_status: ClassVar[int] = 500

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        retry_after_s: float | None = None,
        details: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after_s = None if retry_after_s is None else min(max(retry_after_s, 0.0), 60.0)
        self.details: Mapping[str, str] = details or {}


class KeyMissing(PerpetuoError):
    """No credential came with the request."""

    reason = "KEY_MISSING"
    http_status = 401


class KeyInvalid(PerpetuoError):
    """The gateway key is not one of ours: mistyped, cut short, or deleted."""

    reason = "KEY_INVALID"
    http_status = 401


class KeyExpired(PerpetuoError):
    """The gateway key had an expiry, and it has passed."""

    reason = "KEY_EXPIRED"
    http_status = 401


class KeyRevoked(PerpetuoError):
    """The gateway key was revoked."""

    reason = "KEY_REVOKED"
    http_status = 401


class TokenInvalid(PerpetuoError):
    """The token of a signed-in user is malformed, expired, revoked, or not a token."""

    reason = "TOKEN_INVALID"
    http_status = 401


class LoginFailed(PerpetuoError):
    """The e-mail or the password is wrong; which of the two is not told."""

    reason = "LOGIN_FAILED"
    http_status = 401


class PermissionDenied(PerpetuoError):
    """The caller is known, but its role does not allow this."""

    reason = "PERMISSION_DENIED"
    http_status = 403


class ModelNotAllowed(PerpetuoError):
    """The model exists, but this key may not use it."""

    reason = "MODEL_NOT_ALLOWED"
    http_status = 403


class PlanRequired(PerpetuoError):
    """The plan of the user does not include this."""

    reason = "PLAN_REQUIRED"
    http_status = 403


class SignupClosed(PerpetuoError):
    """The gateway does not take new users by sign-up."""

    reason = "SIGNUP_CLOSED"
    http_status = 403


class ResourceNotFound(PerpetuoError):
    """No resource of that id is visible to the caller."""

    reason = "RESOURCE_NOT_FOUND"
    http_status = 404


class RouteUnknown(PerpetuoError):
    """No method is served at this path."""

    reason = "ROUTE_UNKNOWN"
    http_status = 404


class ModelUnknown(PerpetuoError):
    """No provider of the workspace serves a model of that name."""

    reason = "MODEL_UNKNOWN"
    http_status = 404


class MethodNotAllowed(PerpetuoError):
    """The path exists, but not for this HTTP method."""

    reason = "METHOD_NOT_ALLOWED"
    http_status = 405


class RequestInvalid(PerpetuoError):
    """A member of the request is missing, of the wrong type, or out of bounds."""

    reason = "REQUEST_INVALID"
    http_status = 400


class ParamUnsupported(PerpetuoError):
    """A member is valid, but no candidate can honour it and the request asked to be strict."""

    reason = "PARAM_UNSUPPORTED"
    http_status = 400


class PasswordWeak(PerpetuoError):
    """The password breaks the rule that the message states."""

    reason = "PASSWORD_WEAK"
    http_status = 400


class BaseUrlRefused(PerpetuoError):
    """The base URL of a provider entry is malformed, or points where the operator does not let requests go."""

    reason = "BASE_URL_REFUSED"
    http_status = 400


class ContextTooLong(PerpetuoError):
    """The prompt and the answer asked for do not fit the context window of any candidate."""

    reason = "CONTEXT_TOO_LONG"
    http_status = 400


class ContentBlocked(PerpetuoError):
    """The provider refused the content by its policy."""

    reason = "CONTENT_BLOCKED"
    http_status = 400


class AlreadyExists(PerpetuoError):
    """A resource with that name or e-mail exists already."""

    reason = "ALREADY_EXISTS"
    http_status = 409


class Conflict(PerpetuoError):
    """The request does not fit the state of the resource, or names several resources at once."""

    reason = "CONFLICT"
    http_status = 409


class BodyTooLarge(PerpetuoError):
    """The body is larger than the gateway accepts."""

    reason = "BODY_TOO_LARGE"
    http_status = 413


class MediaTypeUnsupported(PerpetuoError):
    """The body is of a content type or encoding that this path does not read."""

    reason = "MEDIA_TYPE_UNSUPPORTED"
    http_status = 415


class RateLimited(PerpetuoError):
    """The user's plan or the key allows no more requests in this window."""

    reason = "RATE_LIMITED"
    http_status = 429


class LoginThrottled(PerpetuoError):
    """Too many log-ins were tried for this account or from this address."""

    reason = "LOGIN_THROTTLED"
    http_status = 429


class UpstreamRateLimited(PerpetuoError):
    """Every candidate provider is limiting the workspace's credential."""

    reason = "UPSTREAM_RATE_LIMITED"
    http_status = 429


class UpstreamQuota(PerpetuoError):
    """The workspace's account with the provider has no credit or quota left."""

    reason = "UPSTREAM_QUOTA"
    http_status = 429


class ClientGone(PerpetuoError):
    """The caller left before the answer was complete. It is only logged."""

    reason = "CLIENT_GONE"
    http_status = 499


class Internal(PerpetuoError):
    """A defect of the gateway. The log has the details under the request id."""

    reason = "INTERNAL"
    http_status = 500


class NotImplemented(PerpetuoError):
    """The operation is known, but this gateway does not offer it."""

    reason = "NOT_IMPLEMENTED"
    http_status = 501


class UpstreamAuth(PerpetuoError):
    """The provider refused the credential of the workspace's provider entry."""

    reason = "UPSTREAM_AUTH"
    http_status = 502


class UpstreamForbidden(PerpetuoError):
    """The provider does not let the workspace's account use this model or region."""

    reason = "UPSTREAM_FORBIDDEN"
    http_status = 502


class UpstreamRedirect(PerpetuoError):
    """The provider answered with a redirect, which is never followed."""

    reason = "UPSTREAM_REDIRECT"
    http_status = 502


class UpstreamBlocked(PerpetuoError):
    """The provider's host resolved to an address where the operator does not let requests go."""

    reason = "UPSTREAM_BLOCKED"
    http_status = 502


class UpstreamDns(PerpetuoError):
    """The provider's host name could not be resolved."""

    reason = "UPSTREAM_DNS"
    http_status = 502


class UpstreamTls(PerpetuoError):
    """No trusted TLS connection to the provider could be made."""

    reason = "UPSTREAM_TLS"
    http_status = 502


class UpstreamReset(PerpetuoError):
    """The connection to the provider broke before an answer was complete."""

    reason = "UPSTREAM_RESET"
    http_status = 502


class UpstreamBadResponse(PerpetuoError):
    """The provider answered something that is not a chat completion."""

    reason = "UPSTREAM_BAD_RESPONSE"
    http_status = 502


class UpstreamStreamInterrupted(PerpetuoError):
    """The provider's stream broke after content had been sent. What was sent is incomplete."""

    reason = "UPSTREAM_STREAM_INTERRUPTED"
    http_status = 502


class UpstreamUnavailable(PerpetuoError):
    """Every candidate provider refused the connection or answered with a server error."""

    reason = "UPSTREAM_UNAVAILABLE"
    http_status = 503


class NoHealthyRoute(PerpetuoError):
    """Every candidate provider is resting after failures."""

    reason = "NO_HEALTHY_ROUTE"
    http_status = 503


class Overloaded(PerpetuoError):
    """The gateway has more work than it can do in time."""

    reason = "OVERLOADED"
    http_status = 503


class Draining(PerpetuoError):
    """The gateway is stopping and takes no new requests."""

    reason = "DRAINING"
    http_status = 503


class StoreUnavailable(PerpetuoError):
    """The database or the shared state cannot be reached."""

    reason = "STORE_UNAVAILABLE"
    http_status = 503


class UpstreamTimeout(PerpetuoError):
    """No candidate provider answered in time."""

    reason = "UPSTREAM_TIMEOUT"
    http_status = 504


class DeadlineExceeded(PerpetuoError):
    """The time that the caller allowed ran out."""

    reason = "DEADLINE_EXCEEDED"
    http_status = 504


REASONS: Mapping[str, type[PerpetuoError]] = {cls.reason: cls for cls in PerpetuoError.__subclasses__()}
"""Every class by its reason."""
