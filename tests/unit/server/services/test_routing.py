"""RoutingService over the in-process channel: decisions with their reasons, and nobody is asked."""

import json
from typing import Any, TypeAlias

import grpc.aio
import pytest
from google.api import httpbody_pb2
from perpetuo.v1 import routing_pb2 as pb
from perpetuo.v1 import routing_pb2_grpc

from tests.unit.server.services.calls import DEMO, refused

Stub: TypeAlias = "routing_pb2_grpc.RoutingServiceAsyncStub"


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> Stub:
    return routing_pb2_grpc.RoutingServiceStub(channel)


def asking(text: str = "Hi", **members: Any) -> pb.ExplainRequest:
    body = {"messages": [{"role": "user", "content": text}], **members}
    return pb.ExplainRequest(body=httpbody_pb2.HttpBody(data=json.dumps(body).encode()))


async def test_a_choice_is_explained(stub: Stub) -> None:
    answer = await stub.Explain(asking("Prove the theorem"), metadata=DEMO)
    assert (answer.model_requested, answer.strategy, answer.complexity.level) == ("auto", "default", "expert")
    assert answer.complexity.quality_tier_needed == 5
    assert [point.rule for point in answer.complexity.points] == ["rigour"]
    [candidate] = answer.candidates
    assert (candidate.rank, candidate.provider, candidate.model) == (1, "demo", "echo")
    assert candidate.scores.cost == 1.0
    assert candidate.blended_price_per_1m > 0
    assert not answer.HasField("error")


async def test_what_would_be_lost_is_told_with_each_candidate(stub: Stub) -> None:
    plain = await stub.Explain(asking(model="demo/echo"), metadata=DEMO)
    lossy = await stub.Explain(asking(model="demo/echo", top_k=5), metadata=DEMO)
    assert list(plain.candidates[0].notes) == []
    assert [note.split()[0] for note in lossy.candidates[0].notes] == ["top_k"]


async def test_a_named_model_needs_no_tier(stub: Stub) -> None:
    answer = await stub.Explain(asking(model="demo/echo", gateway={"strategy": "reliable"}), metadata=DEMO)
    assert answer.strategy == "reliable"
    assert not answer.complexity.HasField("quality_tier_needed")


async def test_nobody_left_is_an_answer_too(stub: Stub) -> None:
    answer = await stub.Explain(asking(model="demo/ecko"), metadata=DEMO)
    assert answer.error.reason == "MODEL_UNKNOWN"
    assert [(item.filter, item.reason) for item in answer.rejected] == [
        ("entry", "the provider entry does not serve it")
    ]


@pytest.mark.parametrize(
    ("members", "param"),
    [
        pytest.param({"gateway": {"strategy": "sideways"}}, "gateway.strategy", id="an unknown strategy"),
        pytest.param({"model": "auto:good"}, "model", id="an unknown auto"),
        pytest.param({"messages": []}, "messages", id="a request that is wrong"),
    ],
)
async def test_what_a_request_is_refused_for_an_explanation_is_too(
    stub: Stub, members: dict[str, Any], param: str
) -> None:
    body = {"messages": [{"role": "user", "content": "hi"}], **members}
    asked = pb.ExplainRequest(body=httpbody_pb2.HttpBody(data=json.dumps(body).encode()))
    assert await refused(stub.Explain(asked, metadata=DEMO)) == ("REQUEST_INVALID", param)


async def test_a_key_is_needed(stub: Stub) -> None:
    assert (await refused(stub.Explain(asking())))[0] == "KEY_MISSING"
