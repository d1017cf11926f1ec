"""The general table between gRPC codes and HTTP statuses."""

import grpc
import pytest
from google.rpc import code_pb2

from edge.transcoder.status import GRPC_OF_HTTP, HTTP_OF_GRPC, grpc_of_http, http_of_grpc


def test_every_grpc_code_has_a_status() -> None:
    assert set(HTTP_OF_GRPC) == {code.value[0] for code in grpc.StatusCode} == set(code_pb2.Code.values())


@pytest.mark.parametrize(
    ("code", "status"), [(0, 200), (1, 499), (5, 404), (9, 400), (12, 501), (16, 401), (17, 500), (-1, 500)]
)
def test_a_code_becomes_a_status(code: int, status: int) -> None:
    assert http_of_grpc(code) == status


@pytest.mark.parametrize(("status", "code"), [(200, 0), (400, 3), (404, 5), (413, 8), (502, 14), (418, 2)])
def test_a_status_becomes_a_code(status: int, code: int) -> None:
    assert grpc_of_http(status) == code


def test_there_and_back_an_error_stays_on_its_side() -> None:
    for status in set(GRPC_OF_HTTP) - {405, 502}:
        assert http_of_grpc(grpc_of_http(status)) // 100 == status // 100
