"""The usual policy is the documented one."""

from server.chat.policy import RoutingPolicy, Weights


def test_the_usual_policy() -> None:
    usual = RoutingPolicy()
    assert (usual.strategy, usual.cache) == ("default", "default")
    assert usual.weights == Weights(cost=0.40, quality=0.35, speed=0.25)
