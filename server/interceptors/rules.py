"""What every error reason means in gRPC, read from the options of `perpetuo.v1.ErrorReason`.

The proto is the one table; nothing here repeats a line of it.
"""

from collections.abc import Mapping

import grpc
from msgspec import Struct
from perpetuo.rest.v1 import annotations_pb2
from perpetuo.v1 import errors_pb2

_PREFIX = "ERROR_REASON_"
_CODES = {code.value[0]: code for code in grpc.StatusCode}


class Rule(Struct, frozen=True):
    """One reason. `is_quota` tells the limits that waiting does not lift."""

    code: grpc.StatusCode
    http_status: int
    may_retry: bool
    is_quota: bool


def load_rules() -> Mapping[str, Rule]:
    """The rules by reason. Raises ValueError for a reason without one."""
    rules: dict[str, Rule] = {}
    for value in errors_pb2.ErrorReason.DESCRIPTOR.values:
        if value.number == errors_pb2.ERROR_REASON_UNSPECIFIED:
            continue
        if not value.GetOptions().HasExtension(annotations_pb2.error):
            raise ValueError(f"{value.name} has no (perpetuo.rest.v1.error)")
        rule = value.GetOptions().Extensions[annotations_pb2.error]
        rules[value.name.removeprefix(_PREFIX)] = Rule(
            code=_CODES[rule.grpc_code],
            http_status=rule.http_status,
            may_retry=rule.retry == annotations_pb2.RETRY_AFTER,
            is_quota=rule.type == "insufficient_quota",
        )
    return rules
