"""An admission that lets everybody pass, for tests that are not about limits."""

from server.chat.principal import Plan
from server.limits.admission import Admission
from server.limits.plans import PLAN_LIMITS
from server.state.memory import MemoryRates


def unlimited() -> Admission:
    """Every plan is the one without limits."""
    return Admission(MemoryRates(), dict.fromkeys(Plan, PLAN_LIMITS[Plan.ENTERPRISE]))
