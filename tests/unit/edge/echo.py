"""A small gRPC core for the tests of the REST face: it echoes, fails as asked, streams, and hangs until cancelled."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from tests.unit.edge.protos import compile_protos, message_class

SOURCE = """
syntax = "proto3";
package echo.v1;

import "google/api/annotations.proto";
import "google/api/httpbody.proto";
import "google/protobuf/timestamp.proto";
import "perpetuo/rest/v1/annotations.proto";

service EchoService {
  rpc GetItem(GetItemRequest) returns (Item) {
    option (google.api.http) = {get: "/items/{id}"};
  }
  rpc CreateItem(Item) returns (Item) {
    option (google.api.http) = {
      post: "/items" body: "*"
      additional_bindings: {post: "/wrapped/items" body: "*"}
    };
    option (perpetuo.rest.v1.bindings) = {selector: "POST /wrapped/items" envelope: ENVELOPE_SUCCESS_DATA};
  }
  rpc DeleteItem(GetItemRequest) returns (Item) {
    option (google.api.http) = {delete: "/items/{id}"};
  }
  rpc ListTags(GetItemRequest) returns (Item) {
    option (google.api.http) = {get: "/items/{id}/tags" response_body: "tags"};
  }
  rpc Fail(GetItemRequest) returns (Item) {
    option (google.api.http) = {get: "/fail/{id}" additional_bindings: {get: "/wrapped/fail/{id}"}};
    option (perpetuo.rest.v1.bindings) = {selector: "GET /wrapped/fail/{id}" envelope: ENVELOPE_SUCCESS_DATA};
  }
  rpc Hang(GetItemRequest) returns (Item) {
    option (google.api.http) = {get: "/hang"};
  }
  rpc Chat(Raw) returns (Raw) {
    option (google.api.http) = {post: "/v1/chat/completions" body: "body" response_body: "body"};
    option (perpetuo.rest.v1.stream_twin) = "StreamChat";
  }
  rpc StreamChat(Raw) returns (stream Events) {
    option (perpetuo.rest.v1.framing) = FRAMING_SSE_DONE;
  }
  rpc ListModels(GetItemRequest) returns (Item) {
    option (google.api.http) = {get: "/v1/models"};
  }
  rpc GetModel(GetItemRequest) returns (Item) {
    option (google.api.http) = {get: "/v1/models/{id=**}"};
  }
  rpc Watch(GetItemRequest) returns (stream Item) {
    option (google.api.http) = {get: "/watch/{id}"};
  }
  rpc Download(GetItemRequest) returns (stream google.api.HttpBody) {
    option (google.api.http) = {get: "/download/{id}"};
  }
  rpc Upload(Raw) returns (Item) {
    option (google.api.http) = {post: "/upload" body: "body"};
  }
}

message GetItemRequest { string id = 1; int32 count = 2; }
message Item {
  string id = 1;
  int64 size = 2;
  repeated string tags = 3;
  google.protobuf.Timestamp created_at = 4;
  map<string, string> metadata = 5;
}
message Raw { google.api.HttpBody body = 1; }
message Events { repeated bytes events = 1 [(perpetuo.rest.v1.raw_json) = true]; }
"""

POOL = compile_protos(SOURCE)
REQUEST_ID = "req_0123456789abcdefghjkmnpqrs"


def service() -> ServiceDescriptor:
    """The service above."""
    return POOL.FindServiceByName("echo.v1.EchoService")


def new(name: str, **fields: Any) -> Any:
    """A message of the pool."""
    return message_class(POOL, name)(**fields)


Context = grpc.aio.ServicerContext[Any, Any]


class Core:
    """What the core does, and what it saw. Tests wait on the events; nothing here sleeps for a guess."""

    def __init__(self) -> None:
        self.began = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.port = 0
        self.health = health.aio.HealthServicer()

    def reset(self) -> None:
        """Forgets what was seen."""
        for event in (self.began, self.cancelled, self.may_go_on):
            event.clear()

    async def get_item(self, request: Any, context: Context) -> Any:
        """Shows the metadata of the call."""
        await context.send_initial_metadata(
            (("x-request-id", REQUEST_ID), ("x-ratelimit-limit", "20"), ("x-other", "1"), ("x-data-bin", b"\x00\xff"))
        )
        context.set_trailing_metadata((("x-ratelimit-remaining", "19"), ("x-late", "2")))
        metadata = {
            key: str(value) for key, value in context.invocation_metadata() or () if not key.startswith("grpc-")
        }
        metadata["deadline"] = "" if context.time_remaining() is None else "set"
        return new("echo.v1.Item", id=request.id, size=request.count, metadata=metadata)

    async def create_item(self, request: Any, context: Context) -> Any:
        """Gives back what came; `defect` has no JSON form."""
        if request.id == "defect":
            request.created_at.nanos = -1
        return request

    async def list_tags(self, request: Any, context: Context) -> Any:
        """Three tags."""
        return new("echo.v1.Item", tags=["a", "b", request.id])

    async def fail(self, request: Any, context: Context) -> Any:
        """Fails with the reason named, or with the bare status named in lower case."""
        await abort(context, request.id)

    async def hang(self, request: Any, context: Context) -> Any:
        """Waits until it is cancelled or let go."""
        self.began.set()
        try:
            await self.may_go_on.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return new("echo.v1.Item", id="let go")

    async def chat(self, request: Any, context: Context) -> Any:
        """Gives the body back."""
        return new("echo.v1.Raw", body={"content_type": request.body.content_type, "data": request.body.data})

    async def stream_chat(self, request: Any, context: Context) -> AsyncIterator[Any]:
        """Two messages of events; then what the body asks for."""
        body: bytes = request.body.data
        if b"fail-early" in body:
            await abort(context, "MODEL_UNKNOWN")
        await context.send_initial_metadata((("x-request-id", REQUEST_ID),))
        if b"empty" in body:
            return
        yield new("echo.v1.Events", events=[b'{"n":1}'])
        yield new("echo.v1.Events", events=[b'{"n":2}', b'{\n"n": 3}'])
        if b"fail-late" in body:
            await abort(context, "UPSTREAM_STREAM_INTERRUPTED")
        if b"hang" in body:
            await self.hang(request, context)

    async def watch(self, request: Any, context: Context) -> AsyncIterator[Any]:
        """As many items as asked."""
        for index in range(int(request.id)):
            yield new("echo.v1.Item", size=index)
        if request.count:
            await abort(context, "INTERNAL")

    async def download(self, request: Any, context: Context) -> AsyncIterator[Any]:
        """A file in two pieces; `cut` breaks between them."""
        yield new("google.api.HttpBody", content_type="text/csv", data=b"a,b\n")
        if request.id == "cut":
            await abort(context, "UPSTREAM_RESET")
        yield new("google.api.HttpBody", data=b"1,2\n")

    async def upload(self, request: Any, context: Context) -> Any:
        """Tells the type and the size of what came."""
        return new("echo.v1.Item", id=request.body.content_type, size=len(request.body.data))

    def handler(self) -> grpc.GenericRpcHandler:
        """All methods, for a server."""
        behaviours: dict[str, Callable[..., Any]] = {
            "GetItem": self.get_item,
            "CreateItem": self.create_item,
            "DeleteItem": self.get_item,
            "ListTags": self.list_tags,
            "Fail": self.fail,
            "Hang": self.hang,
            "Chat": self.chat,
            "StreamChat": self.stream_chat,
            "ListModels": self.get_item,
            "GetModel": self.get_item,
            "Watch": self.watch,
            "Download": self.download,
            "Upload": self.upload,
        }
        handlers = {}
        for method in service().methods:
            request, response = (message_class(POOL, of.full_name) for of in (method.input_type, method.output_type))
            make = (
                grpc.unary_stream_rpc_method_handler if method.server_streaming else grpc.unary_unary_rpc_method_handler
            )
            handlers[method.name] = make(
                behaviours[method.name],
                request_deserializer=request.FromString,
                response_serializer=response.SerializeToString,
            )
        return grpc.method_handlers_generic_handler("echo.v1.EchoService", handlers)


async def abort(context: Context, what: str) -> None:
    """Ends a call: with a bare status named in lower case, or with a reason and everything that goes with it."""
    if what.islower():
        await context.abort(grpc.StatusCode[what.upper()], "inside: 10.0.0.7 said boom")
    violation = error_details_pb2.BadRequest.FieldViolation(field="items[0].id", description="no")
    status = status_pb2.Status(code=3, message=f"It is {what} — so there.")
    for detail in (
        error_details_pb2.ErrorInfo(reason=what, domain="perpetuo.dev", metadata={"modelId": "x"}),
        error_details_pb2.BadRequest(field_violations=[violation]),
        error_details_pb2.RequestInfo(request_id=REQUEST_ID),
    ):
        status.details.add().Pack(detail)
    if what == "RATE_LIMITED":
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay={"seconds": 6, "nanos": 1}))
    trailing = (("grpc-status-details-bin", status.SerializeToString()), ("x-ratelimit-limit", "20"))
    await context.abort(grpc.StatusCode.INVALID_ARGUMENT, status.message, trailing)


@asynccontextmanager
async def serving_core() -> AsyncIterator[Core]:
    """A core on a loopback port."""
    core = Core()
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0), ("grpc.max_receive_message_length", 64 * 1024 * 1024)])
    server.add_generic_rpc_handlers((core.handler(),))
    health_pb2_grpc.add_HealthServicer_to_server(core.health, server)
    core.port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    await core.health.set("", health_pb2.HealthCheckResponse.SERVING)
    try:
        yield core
    finally:
        await server.stop(None)
