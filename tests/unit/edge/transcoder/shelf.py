"""One small service with every kind of binding, for the tests of queries, rules and bindings."""

from google.protobuf.descriptor import Descriptor, MethodDescriptor, ServiceDescriptor

from tests.unit.edge.protos import compile_protos

_HEAD = """
syntax = "proto3";
package test.v1;
import "google/api/annotations.proto";
import "google/api/httpbody.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "perpetuo/rest/v1/annotations.proto";

enum Color { COLOR_UNSPECIFIED = 0; COLOR_RED = 1; COLOR_BLUE = 5; }
message Inner { string name = 1; int32 size = 2; Inner deeper = 3; repeated string tags = 4; optional bool flag = 5; }
message Ask {
  string id = 1;
  int32 count = 2;
  int64 big = 3;
  uint32 small = 4;
  double ratio = 5;
  float single = 6;
  bool flag = 7;
  bytes blob = 8;
  Color color = 9;
  Inner inner = 10;
  repeated string tags = 11;
  repeated int32 sizes = 12;
  repeated Inner inners = 13;
  map<string, string> labels = 14;
  google.protobuf.Timestamp at = 15;
  google.protobuf.Duration wait = 16;
  google.protobuf.FieldMask mask = 17;
  google.protobuf.StringValue wrapped = 18;
  google.protobuf.Int64Value wrapped_big = 19;
  repeated google.protobuf.UInt64Value wrapped_list = 20;
  google.protobuf.Struct anything = 21;
  optional int32 maybe = 22;
  oneof choice { string left = 23; int32 right = 24; Inner middle = 25; }
  int64 cost_nanousd = 26 [(perpetuo.rest.v1.nanousd_as_usd) = true, (perpetuo.rest.v1.json_member) = "cost_usd"];
  google.api.HttpBody raw = 27;
  repeated Color colors = 28;
  bytes verbatim = 29 [(perpetuo.rest.v1.raw_json) = true];
}
message Answer {
  string id = 1;
  int64 big = 2;
  Inner inner = 3;
  repeated Inner inners = 4;
  google.api.HttpBody raw = 5;
}
message Batch { repeated bytes events = 1 [(perpetuo.rest.v1.raw_json) = true]; }
message Blobs { repeated bytes blobs = 1; }
message RawAsk { string id = 1; google.api.HttpBody raw = 2; }
service ShelfService {
"""


def service(*methods: str) -> ServiceDescriptor:
    """ShelfService with these methods, each as proto source."""
    pool = compile_protos(_HEAD + "\n".join(methods) + "\n}\n")
    return pool.FindServiceByName("test.v1.ShelfService")


def call(options: str, *, ask: str = "Ask", answer: str = "Answer", name: str = "Call") -> str:
    """A method's proto source: `options` stand inside its braces."""
    return f"rpc {name}({ask}) returns ({answer}) {{ {options} }}"


def method(options: str, *, ask: str = "Ask", answer: str = "Answer") -> MethodDescriptor:
    """The method of a service that has only one."""
    return service(call(options, ask=ask, answer=answer)).methods[0]


def message(name: str = "Ask") -> Descriptor:
    """One of the message types."""
    return service().file.message_types_by_name[name]
