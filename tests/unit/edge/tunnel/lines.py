"""A tunnel that keeps what its calls send."""

from collections.abc import Callable
from typing import Any

from edge.tunnel.call import TunnelCall
from edge.tunnel.frames import Frame
from edge.tunnel.method import Method


class Line:
    """Takes calls and frames, and sends nothing."""

    credit_step_bytes = 1000

    def __init__(self) -> None:
        self.begun: list[TunnelCall] = []
        self.sent: list[Frame] = []

    def begin(self, call: TunnelCall, payload: bytes) -> int:
        self.begun.append(call)
        return len(self.begun)

    def forget(self, call_id: int, frame: Frame | None) -> None:
        if frame is not None:
            self.sent.append(frame)

    def send(self, frame: Frame) -> None:
        self.sent.append(frame)


def method(
    *, is_stream: bool, plain: Callable[..., Any] = print, limits_bytes: tuple[int, int] = (10_000, 10_000)
) -> Method:
    """A method of raw bytes."""
    return Method("/a/B", (None, None), plain, limits_bytes, is_stream=is_stream)
