"""What reading a request finds out beside its messages."""

from server.ingress.losses import Losses


def test_losses_are_kept_in_order_with_their_reason() -> None:
    losses = Losses("is not sent.")
    losses.lose("a")
    losses.lose("b", "is 1 instead of 0.")
    assert losses.members == [("a", "is not sent."), ("b", "is 1 instead of 0.")]


def test_a_long_name_is_cut() -> None:
    losses = Losses("is not sent.")
    losses.lose("x" * 500)
    assert len(losses.members[0][0]) == 200


def test_what_is_mixed_once_stays_mixed() -> None:
    told = []
    losses = Losses("")
    for is_foreign in (False, True, False):
        losses.mix(is_foreign)
        told.append(losses.is_mixed)
    assert told == [False, True, True]
