"""Who may call: reads what each method asks for from its descriptor, and lets nobody past without it.

Every method of a service must say `(perpetuo.rest.v1.access)`; only health and reflection, which are not ours, are
public without. How a credential is checked is the `Authenticator`'s business; it must not be looked at, logged or kept
here beyond telling a key from a token, so that the caller is told which of the two was expected.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Never, Protocol, TypeAlias

import grpc
from google.protobuf import descriptor_pool
from perpetuo.rest.v1 import annotations_pb2

from server.chat.principal import Principal
from server.errors import Internal, KeyInvalid, KeyMissing, PermissionDenied, TokenInvalid
from server.interceptors.context import current_call
from server.interceptors.wrapping import Behavior, Context, Handler, wrap

Access: TypeAlias = "annotations_pb2.Access.ValueType"

_PUBLIC_SERVICES = frozenset(
    {"grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"}
)
_KEY_PREFIXES = ("pk_", "gw_")
_TOKEN_PREFIX = "eyJ"
_TOKEN_DOTS = 2
_BEARER = "bearer"


class Authenticator(Protocol):
    """Knows the keys and the tokens. One that has `known_key`, a `Known`, is asked that first."""

    async def authenticate_key(self, secret: str) -> Principal:
        """The holder of a gateway key. Raises KeyInvalid, KeyExpired, KeyRevoked."""

    async def authenticate_token(self, token: str) -> Principal:
        """The user behind a token. Raises TokenInvalid."""


def access_table(
    service_names: Iterable[str], pool: descriptor_pool.DescriptorPool | None = None
) -> Mapping[str, Access]:
    """What each method asks for, by `/package.Service/Method`.

    Raises ValueError naming the service that has no descriptor, or the method that does not say who may call it.
    """
    pool = pool or descriptor_pool.Default()
    table: dict[str, Access] = {}
    for name in service_names:
        try:
            service = pool.FindServiceByName(name)
        except KeyError:
            raise ValueError(f"{name} has no descriptor, so nobody can tell who may call it") from None
        for method in service.methods:
            access: Access = method.GetOptions().Extensions[annotations_pb2.access]
            if name in _PUBLIC_SERVICES:
                access = annotations_pb2.ACCESS_PUBLIC
            if access == annotations_pb2.ACCESS_UNSPECIFIED:
                raise ValueError(f"{method.full_name} has no (perpetuo.rest.v1.access)")
            table[f"/{name}/{method.name}"] = access
    return table


class AuthenticateInterceptor(grpc.aio.ServerInterceptor):
    """Put it inside the status interceptor: it raises, and it needs the running call.

    `is_operator` is for a server that the operator alone can reach; everywhere else its methods are refused.
    """

    depends_on_call = False

    def __init__(self, authenticator: Authenticator, table: Mapping[str, Access], *, is_operator: bool = False) -> None:
        self._authenticator = authenticator
        self._table = table
        self._is_operator = is_operator
        self._wrapped: dict[str, tuple[Handler, Handler]] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Wraps the handler of the method, if there is one; the same handler only once."""
        handler = await continuation(handler_call_details)
        if handler is None:
            return None
        method = handler_call_details.method
        inner, outer = self._wrapped.get(method, (None, None))
        if outer is None or inner is not handler:
            outer = wrap(handler, lambda behavior: self._guard(method, behavior))
            self._wrapped[method] = handler, outer
        return outer

    def _guard(self, method: str, behavior: Behavior) -> Behavior:
        check = self.check_of(method)
        if check is None:
            return behavior

        async def guarded(request: Any, context: Context) -> Any:
            metadata: Any = context.invocation_metadata()
            info = current_call()
            sent = Credentials(metadata or ())
            info.principal, info.credential = await check(sent), sent.told
            return await behavior(request, context)

        return guarded

    def check_of(self, method: str) -> "Check | None":
        """Who checks the credentials of a call of that method; None where everybody may call."""
        access = self._table.get(method)
        if access == annotations_pb2.ACCESS_PUBLIC or (access == annotations_pb2.ACCESS_OPERATOR and self._is_operator):
            return None
        checks: Mapping[int, Check] = {
            annotations_pb2.ACCESS_KEY: self._check_key,
            annotations_pb2.ACCESS_USER: self._check_token,
            annotations_pb2.ACCESS_OPERATOR: _refuse_all,
        }
        return checks.get(annotations_pb2.ACCESS_UNSPECIFIED if access is None else access, _refuse)

    def known_of(self, method: str) -> "Known | None":
        """Who tells at once whose gateway key came with a call of that method, where one is asked for."""
        known: Known | None = getattr(self._authenticator, "known_key", None)
        return known if self._table.get(method) == annotations_pb2.ACCESS_KEY else None

    def _check_key(self, sent: "Credentials") -> Awaitable[Principal]:
        secret = sent.told
        if not secret:
            raise KeyMissing(
                "No gateway key came with the request. Send it as 'Authorization: Bearer KEY' or as 'x-api-key: KEY'."
                if not sent.has_other_scheme
                else "The Authorization header is not a bearer token. Send the gateway key as 'Bearer KEY'."
            )
        if sent.is_token:
            raise KeyInvalid("This takes a gateway key, but what came is the token of a log-in. Send the key instead.")
        return self._authenticator.authenticate_key(secret)

    async def _check_token(self, sent: "Credentials") -> Principal:
        token = sent.bearer
        if _is_key(token) or (not token and sent.api_key):
            raise TokenInvalid(
                "This takes the token of a log-in, but what came is a gateway key. Log in and send the token as "
                "'Authorization: Bearer TOKEN'."
            )
        if not token:
            raise KeyMissing(
                "No token came with the request. Log in and send the token as 'Authorization: Bearer TOKEN'."
            )
        return await self._authenticator.authenticate_token(token)


class Credentials:
    """The credentials among a call's metadata; of repeated ones the first counts.

    `told` is what counts where either will do, `is_token` whether that looks like the token of a log-in.
    """

    __slots__ = ("api_key", "bearer", "has_other_scheme", "is_token", "told")

    def __init__(self, metadata: Iterable[tuple[str, str | bytes]]) -> None:
        self.bearer = ""
        self.api_key = ""
        self.has_other_scheme = False
        has_authorization = False
        for key, value in metadata:
            if key == "authorization" and not has_authorization and isinstance(value, str):
                has_authorization = True
                scheme, _, rest = value.strip().partition(" ")
                is_bearer = scheme.lower() == _BEARER
                self.bearer = rest.strip() if is_bearer else ""
                self.has_other_scheme = bool(scheme) and not is_bearer
            elif key == "x-api-key" and not self.api_key and isinstance(value, str):
                self.api_key = value.strip()
        self.told = self.bearer or self.api_key
        self.is_token = _is_token(self.told)


Known = Callable[[str], Principal | None]
"""Tells whose a gateway key is where that is known and good without a wait; None: it has to be checked."""

Check = Callable[[Credentials], Awaitable[Principal]]
"""Tells who calls from what was sent. Raises the reason why nobody is let in, at once or when awaited."""


async def _refuse(sent: Credentials) -> Never:
    raise Internal("The method was served without saying who may call it.")


async def _refuse_all(sent: Credentials) -> Never:
    raise PermissionDenied("This is for the operator alone, over the socket file in the data directory.")


def _is_token(credential: str) -> bool:
    return credential.startswith(_TOKEN_PREFIX) and credential.count(".") == _TOKEN_DOTS


def _is_key(credential: str) -> bool:
    return credential.startswith(_KEY_PREFIXES)
