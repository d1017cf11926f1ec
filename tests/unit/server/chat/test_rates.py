"""A verdict is a plain value, cheap enough to be made for every call."""

from server.chat.rates import Quota, Standing, Verdict, Window


def test_a_verdict_unpacks_into_the_answer_and_the_reason_for_it() -> None:
    standing = Standing(Quota("usr_1", Window.MINUTE, 20), 19, 60.0, 0.0)
    is_admitted, ((subject, window, limit), remaining, resets_in_s, _) = Verdict(True, standing)
    assert (is_admitted, subject, window, limit, remaining, resets_in_s) == (True, "usr_1", Window.MINUTE, 20, 19, 60.0)
