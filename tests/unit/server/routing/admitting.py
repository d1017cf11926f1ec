"""An admission that lets everybody pass, for tests that are not about limits."""

from datetime import datetime

from server.chat.principal import Plan
from server.chat.rates import Moment
from server.limits.admission import Admission
from server.limits.memory import MemoryRates
from server.limits.plans import PLAN_LIMITS


async def _no_calls_before(user_id: str, start: datetime, end: datetime) -> int:
    return 0


def unlimited() -> Admission:
    """Every plan is the one without limits."""
    limits = dict.fromkeys(Plan, PLAN_LIMITS[Plan.ENTERPRISE])
    return Admission(MemoryRates(_no_calls_before), limits, lambda: Moment(0.0, 0.0))
