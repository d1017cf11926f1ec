"""What each plan allows: the documented limits, per user over all keys. A plan that is not listed has none."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from server.chat.principal import Plan
from server.chat.rates import Window

PLAN_LIMITS: Final[Mapping[Plan, Mapping[Window, int]]] = MappingProxyType(
    {
        Plan.FREE: MappingProxyType({Window.MINUTE: 20, Window.DAY: 1_000}),
        Plan.PRO: MappingProxyType({Window.MINUTE: 60, Window.DAY: 10_000}),
        Plan.ENTERPRISE: MappingProxyType({}),
    }
)
