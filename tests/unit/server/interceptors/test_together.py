"""Status, door and identity come in this order around a method, which is wrapped once for both ways in."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from perpetuo.rest.v1 import annotations_pb2
from structlog.testing import CapturingLogger

from server.chat.principal import Plan, Principal
from server.errors import KeyInvalid, Overloaded
from server.inprocess.registry import CallDetails
from server.interceptors.authenticate import AuthenticateInterceptor
from server.interceptors.context import current_call
from server.interceptors.shedding import Door
from server.interceptors.status import StatusInterceptor
from server.interceptors.together import Together
from server.interceptors.wrapping import Handler

METHOD = "/a.A/Do"
HEALTH = "/grpc.health.v1.Health/Check"
ACCESS = {METHOD: annotations_pb2.ACCESS_KEY, HEALTH: annotations_pb2.ACCESS_PUBLIC}


class Steps:
    """Door, keys and handler in one, which tell when they were asked."""

    def __init__(self, *, is_full: bool = False) -> None:
        self.told: list[str] = []
        self._is_full = is_full

    def enter(self) -> None:
        self.told.append("enter")
        if self._is_full:
            raise Overloaded("Full.", retry_after_s=1)

    def leave(self) -> None:
        self.told.append("leave")

    async def authenticate_key(self, secret: str) -> Principal:
        self.told.append("key")
        if secret != "gw_good":
            raise KeyInvalid("No such key.")
        return Principal("usr_1", "ws_1", Plan.PRO)

    async def authenticate_token(self, token: str) -> Principal:
        raise AssertionError("no method here takes a token")

    async def answer(self, request: Any, context: Any) -> str:
        info = current_call()
        self.told.append(f"answer {info.principal.user_id if info.principal else 'nobody'} {info.credential}".strip())
        if request == "fail":
            raise ZeroDivisionError
        return f"answer to {request}"


class Context:
    """What a server sees of a call."""

    def __init__(self, key: str) -> None:
        self._metadata = (("authorization", f"Bearer {key}"), ("x-request-id", "mine"))
        self.aborted: Any = None

    def invocation_metadata(self) -> Any:
        return self._metadata

    def trailing_metadata(self) -> Any:
        return ()

    def code(self) -> None:
        return None

    async def send_initial_metadata(self, metadata: Any) -> None:
        self.initial = metadata

    async def abort(self, code: grpc.StatusCode, message: str, trailing: Any) -> None:
        self.aborted = code
        raise grpc.aio.AbortError


@contextmanager
def aborts(context: Context) -> Iterator[None]:
    with pytest.raises(grpc.aio.AbortError):
        yield
    assert context.aborted is not None


def together(steps: Steps, door: Door | None, codes: list[str]) -> Together:
    def counted(method: str, code: str) -> list[int]:
        codes.append(code)
        return [0]

    status = StatusInterceptor(CapturingLogger(), counted=counted)
    return Together(status, AuthenticateInterceptor(steps, ACCESS), door)


def found(steps: Steps, method: str, door: Door | None, codes: list[str]) -> Any:
    handler: Handler = grpc.unary_unary_rpc_method_handler(steps.answer)
    wrapped = together(steps, door, codes).found_by(lambda details: handler)(CallDetails(method, ()))
    assert wrapped is not None
    return wrapped.unary_unary


@pytest.mark.parametrize(
    ("method", "key", "request_text", "is_full", "told", "code"),
    [
        pytest.param(METHOD, "gw_good", "x", False, ["enter", "key", "answer usr_1 gw_good", "leave"], "OK", id="all"),
        pytest.param(METHOD, "gw_bad", "x", False, ["enter", "key", "leave"], "UNAUTHENTICATED", id="a key is refused"),
        pytest.param(METHOD, "gw_good", "x", True, ["enter"], "UNAVAILABLE", id="the door comes before the key"),
        pytest.param(
            METHOD,
            "gw_good",
            "fail",
            False,
            ["enter", "key", "answer usr_1 gw_good", "leave"],
            "INTERNAL",
            id="a handler fails, and the door is told",
        ),
        pytest.param(HEALTH, "", "x", True, ["answer nobody"], "OK", id="health passes door and identity"),
    ],
)
async def test_the_steps_come_in_order(
    method: str, key: str, request_text: str, is_full: bool, told: list[str], code: str
) -> None:
    steps, codes, context = Steps(is_full=is_full), list[str](), Context(key)
    behavior = found(steps, method, steps, codes)
    if code == "OK":
        assert await behavior(request_text, context) == f"answer to {request_text}"
        assert context.initial[0][0] == "x-request-id"
    else:
        with aborts(context):
            await behavior(request_text, context)
        assert context.aborted.name == code
    assert (steps.told, codes) == (told, [code])


async def test_without_a_door_everybody_is_let_in() -> None:
    steps = Steps()
    assert await found(steps, METHOD, None, [])("x", Context("gw_good")) == "answer to x"
    assert steps.told == ["key", "answer usr_1 gw_good"]


async def test_a_method_is_wrapped_once_whichever_way_it_is_called_and_anew_for_another_handler() -> None:
    handlers: list[Handler | None] = [grpc.unary_unary_rpc_method_handler(Steps().answer)]
    both, details = together(Steps(), None, []), CallDetails(METHOD, ())
    find = both.found_by(lambda _: handlers[0])

    async def continuation(_: grpc.HandlerCallDetails) -> Handler | None:
        return handlers[0]

    first = find(details)
    assert first is find(details) is await both.intercept_service(continuation, details) is not handlers[0]
    handlers[0] = grpc.unary_unary_rpc_method_handler(Steps().answer)
    assert find(details) is not first
    handlers[0] = None
    assert find(details) is await both.intercept_service(continuation, details) is None
