"""One message type with every kind of field, for the codec tests."""

from google.protobuf.descriptor import Descriptor

from tests.unit.edge.protos import compile_protos

SOURCE = """
syntax = "proto3";
package test.v1;

import "google/protobuf/any.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/empty.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "perpetuo/rest/v1/annotations.proto";

enum ContentPolicy {
  CONTENT_POLICY_UNSPECIFIED = 0;
  CONTENT_POLICY_OPEN = 1;
  CONTENT_POLICY_24H = 2;
  CONTENT_POLICY_NEGATIVE = -1;
}

enum Loose { ZERO = 0; ONE = 1; }

message Everything {
  double double_value = 1;
  float float_value = 2;
  int32 int32_value = 3;
  int64 int64_value = 4;
  uint32 uint32_value = 5;
  uint64 uint64_value = 6;
  sint32 sint32_value = 7;
  sint64 sint64_value = 8;
  fixed32 fixed32_value = 9;
  fixed64 fixed64_value = 10;
  sfixed32 sfixed32_value = 11;
  sfixed64 sfixed64_value = 12;
  bool bool_value = 13;
  string string_value = 14;
  bytes bytes_value = 15;
  ContentPolicy policy = 16;
  Loose loose = 17;
  Everything nested = 18;

  optional int32 maybe_int32 = 20;
  optional string maybe_string = 21;
  optional bool maybe_bool = 22;
  optional ContentPolicy maybe_policy = 23;

  repeated double doubles = 30;
  repeated float floats = 31;
  repeated int64 int64s = 32;
  repeated string strings = 33;
  repeated bytes blobs = 34;
  repeated bool bools = 35;
  repeated ContentPolicy policies = 36;
  repeated Everything children = 37;

  map<string, int64> counts = 40;
  map<int32, string> by_int32 = 41;
  map<uint64, double> by_uint64 = 42;
  map<bool, bytes> by_bool = 43;
  map<string, Everything> by_name = 44;
  map<string, ContentPolicy> policy_of = 45;

  oneof choice {
    int64 choice_int64 = 50;
    string choice_string = 51;
    Everything choice_nested = 52;
    google.protobuf.NullValue choice_null = 53;
  }

  google.protobuf.Timestamp time = 60;
  google.protobuf.Duration duration = 61;
  google.protobuf.FieldMask mask = 62;
  google.protobuf.Struct struct = 63;
  google.protobuf.Value value = 64;
  google.protobuf.ListValue list = 65;
  google.protobuf.Any any = 66;
  google.protobuf.Empty empty = 67;
  google.protobuf.NullValue null_value = 68;
  repeated google.protobuf.Timestamp times = 69;
  repeated google.protobuf.Value values = 70;
  repeated google.protobuf.Any anys = 71;
  map<string, google.protobuf.Value> value_of = 72;

  google.protobuf.DoubleValue double_wrapper = 80;
  google.protobuf.FloatValue float_wrapper = 81;
  google.protobuf.Int64Value int64_wrapper = 82;
  google.protobuf.UInt64Value uint64_wrapper = 83;
  google.protobuf.Int32Value int32_wrapper = 84;
  google.protobuf.UInt32Value uint32_wrapper = 85;
  google.protobuf.BoolValue bool_wrapper = 86;
  google.protobuf.StringValue string_wrapper = 87;
  google.protobuf.BytesValue bytes_wrapper = 88;
  repeated google.protobuf.Int64Value int64_wrappers = 89;
}

message Extra { string key = 1; bytes json = 2; }

message Options {
  bytes schema = 1 [(perpetuo.rest.v1.raw_json) = true];
  repeated bytes calls = 2 [(perpetuo.rest.v1.raw_json) = true];
  int64 cost = 3 [(perpetuo.rest.v1.nanousd_as_usd) = true, (perpetuo.rest.v1.json_member) = "cost_usd"];
  optional string refusal = 4 [(perpetuo.rest.v1.null_when_absent) = true];
  optional string left_out = 5;
  repeated Extra extra = 6 [(perpetuo.rest.v1.extra_fields) = true];
  google.protobuf.Timestamp last_used_at = 7 [(perpetuo.rest.v1.null_when_absent) = true];
  optional uint64 budget = 8 [(perpetuo.rest.v1.nanousd_as_usd) = true];
}

message Union {
  oneof kind {
    option (perpetuo.rest.v1.json_union) = true;
    string text = 1;
    bytes raw = 2;
  }
}
message WrongDollars { string cost = 1 [(perpetuo.rest.v1.nanousd_as_usd) = true]; }
message WrongRaw { string raw = 1 [(perpetuo.rest.v1.raw_json) = true]; }
message WrongNull { string text = 1 [(perpetuo.rest.v1.null_when_absent) = true]; }
message WrongExtra { repeated string extra = 1 [(perpetuo.rest.v1.extra_fields) = true]; }
"""

POOL = compile_protos(SOURCE)


def descriptor(name: str = "Everything") -> Descriptor:
    """A message type of the source above."""
    return POOL.FindMessageTypeByName(f"test.v1.{name}")
