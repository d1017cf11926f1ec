"""gRPC status codes as HTTP statuses and back: the general table.

Only a fallback: an error that carries a reason is answered with the status of its reason. Facts: google/rpc/code.proto.
The table of HTTP answers seen by a gRPC client is another one and must not be used here.
"""

from types import MappingProxyType
from typing import Final

_UNKNOWN_HTTP: Final = 500
_UNKNOWN_GRPC: Final = 2

HTTP_OF_GRPC: Final = MappingProxyType(
    {
        0: 200,  # OK
        1: 499,  # CANCELLED
        2: 500,  # UNKNOWN
        3: 400,  # INVALID_ARGUMENT
        4: 504,  # DEADLINE_EXCEEDED
        5: 404,  # NOT_FOUND
        6: 409,  # ALREADY_EXISTS
        7: 403,  # PERMISSION_DENIED
        8: 429,  # RESOURCE_EXHAUSTED
        9: 400,  # FAILED_PRECONDITION, deliberately not 412
        10: 409,  # ABORTED
        11: 400,  # OUT_OF_RANGE
        12: 501,  # UNIMPLEMENTED
        13: 500,  # INTERNAL
        14: 503,  # UNAVAILABLE
        15: 500,  # DATA_LOSS
        16: 401,  # UNAUTHENTICATED
    }
)

GRPC_OF_HTTP: Final = MappingProxyType(
    {
        200: 0,
        400: 3,
        401: 16,
        403: 7,
        404: 5,
        405: 12,
        409: 10,
        413: 8,
        415: 3,
        429: 8,
        499: 1,
        500: 13,
        501: 12,
        502: 14,
        503: 14,
        504: 4,
    }
)


def http_of_grpc(code: int) -> int:
    """The HTTP status of a gRPC status code; 500 for a number that gRPC does not know."""
    return HTTP_OF_GRPC.get(code, _UNKNOWN_HTTP)


def grpc_of_http(status: int) -> int:
    """The gRPC status code of an HTTP status that this edge answers; UNKNOWN for any other."""
    return GRPC_OF_HTTP.get(status, _UNKNOWN_GRPC)
