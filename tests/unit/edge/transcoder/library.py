"""One service with every kind of body, documented in comments, for the tests of the API description."""

from typing import Any

from edge.transcoder.binding import Binding, load_bindings
from edge.transcoder.comments import Comments, read_comments
from edge.transcoder.openapi import Frame, describe
from edge.transcoder.openapi_examples import Written
from edge.transcoder.profile import PERPETUO, Profile
from tests.unit.edge.protos import compile_protos, describe_protos

SOURCE = """
syntax = "proto3";
package test.v1;
import "google/api/annotations.proto";
import "google/api/httpbody.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/field_mask.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/any.proto";
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
import "perpetuo/rest/v1/annotations.proto";

// How a book is bound.
enum Cover {
  // Not set.
  COVER_UNSPECIFIED = 0;
  // With cloth.
  COVER_HARD = 1;
  COVER_SOFT = 2;
}

// A member that is not known.
message Extra { string key = 1; bytes json = 2; }

// A book.
message Book {
  // The name of the book,
  // in one word.
  //
  // Never empty.
  string name = 1;
  int64 pages = 2;
  optional string isbn = 3;
  Cover cover = 4;
  repeated string tags = 5;
  map<string, int32> stock = 6;
  // When it was lent. Null: never.
  google.protobuf.Timestamp lent_at = 7 [(perpetuo.rest.v1.null_when_absent) = true];
  int64 price_nanousd = 8 [(perpetuo.rest.v1.nanousd_as_usd) = true, (perpetuo.rest.v1.json_member) = "price_usd"];
  bytes scan = 9;
  Book sequel = 10;
  repeated Book translations = 11;
}

message Everything {
  double d = 1;
  float f = 2;
  int32 i = 3;
  uint32 u = 4;
  uint64 ul = 5;
  bool b = 6;
  google.protobuf.Duration wait = 7;
  google.protobuf.FieldMask mask = 8;
  google.protobuf.Struct struct = 9;
  google.protobuf.Value value = 10;
  google.protobuf.ListValue list = 11;
  google.protobuf.Any any = 12;
  google.protobuf.Int64Value wrapped = 13;
  google.protobuf.NullValue nothing = 14;
  bytes verbatim = 15 [(perpetuo.rest.v1.raw_json) = true];
  map<string, Book> by_name = 16;
  map<string, Everything> deeper = 17;
}

// A text or several.
message Texts {
  oneof kind {
    option (perpetuo.rest.v1.json_union) = true;
    string text = 1;
    TextList list = 2;
    Book book = 3;
    bytes json = 4 [(perpetuo.rest.v1.raw_json) = true];
  }
}
message TextList { repeated string values = 1; }
message AnyJson {
  oneof kind {
    option (perpetuo.rest.v1.json_union) = true;
    bytes json = 1 [(perpetuo.rest.v1.raw_json) = true];
  }
}

message Question {
  // What is asked.
  string text = 1;
  Texts stop = 2;
  optional double heat = 3;
  repeated Book books = 4;
  AnyJson anything = 5;
  repeated Extra extra = 100 [(perpetuo.rest.v1.extra_fields) = true];
}
message Reply {
  string id = 1;
  optional string note = 2 [(perpetuo.rest.v1.null_when_absent) = true];
  repeated Book books = 3;
  repeated Extra extra = 100 [(perpetuo.rest.v1.extra_fields) = true];
}
message Piece { string text = 1; }

message RawQuestion { google.api.HttpBody body = 1; }
message RawReply { google.api.HttpBody body = 1; }
message RawPieces { repeated bytes events = 1 [(perpetuo.rest.v1.raw_json) = true]; }

message GetBookRequest {
  // Which book.
  string name = 1;
  Page page = 2;
  Cover cover = 3;
  repeated string with = 4;
  bytes filter = 5 [(perpetuo.rest.v1.raw_json) = true];
  GetBookRequest self = 6;
  google.protobuf.Timestamp since = 7;
}
message Page {
  // How many, 1 to 100. Default: 10.
  int32 size = 1;
  Page inner = 2;
}
message PutBookRequest { string shelf = 1; Book book = 2; bool dry = 3; Cover cover = 4; }
message PutBookResponse { Book book = 1; repeated Book others = 2; }
message Nothing {}

// Lends books.
service LibraryService {
  // One book. `GetBook` looks in all shelves.
  rpc GetBook(GetBookRequest) returns (Book) {
    option (google.api.http) = {
      get: "/books/{name=**}"
      additional_bindings: {get: "/shelves/{name=*/of/*}/book:find"}
    };
    option (perpetuo.rest.v1.access) = ACCESS_USER;
  }
  rpc PutBook(PutBookRequest) returns (PutBookResponse) {
    option (google.api.http) = {
      put: "/shelves/{shelf}/books"
      body: "*"
      additional_bindings: {post: "/wrapped/{shelf}" body: "book" response_body: "book"}
      additional_bindings: {post: "/others" body: "*" response_body: "others"}
    };
    option (perpetuo.rest.v1.access) = ACCESS_USER;
    option (perpetuo.rest.v1.bindings) = {
      selector: "PUT /shelves/{shelf}/books" presets: {field: "dry" value: "true"}
    };
    option (perpetuo.rest.v1.bindings) = { selector: "POST /wrapped/{shelf}" envelope: ENVELOPE_SUCCESS_DATA };
  }
  // Asks, and is answered.
  rpc Ask(RawQuestion) returns (RawReply) {
    option (google.api.http) = {post: "/ask" body: "body" response_body: "body"};
    option (perpetuo.rest.v1.access) = ACCESS_KEY;
    option (perpetuo.rest.v1.stream_twin) = "AskStream";
    option (perpetuo.rest.v1.schema) = {request: "Question" response: "Reply" event: "Piece"};
  }
  rpc AskStream(RawQuestion) returns (stream RawPieces) {
    option (perpetuo.rest.v1.access) = ACCESS_KEY;
    option (perpetuo.rest.v1.framing) = FRAMING_SSE_DONE;
  }
  rpc Tail(Nothing) returns (stream Piece) {
    option (google.api.http) = {get: "/tail"};
    option (perpetuo.rest.v1.access) = ACCESS_PUBLIC;
  }
  rpc TailTexts(Nothing) returns (stream Piece) {
    option (google.api.http) = {get: "/texts" response_body: "text"};
    option (perpetuo.rest.v1.access) = ACCESS_PUBLIC;
  }
  rpc TailRaw(Nothing) returns (stream RawPieces) {
    option (google.api.http) = {get: "/events"};
    option (perpetuo.rest.v1.framing) = FRAMING_SSE_DONE;
  }
  rpc Copy(google.api.HttpBody) returns (google.api.HttpBody) {
    option (google.api.http) = {post: "/copy" body: "*"};
  }
  rpc Download(Nothing) returns (stream google.api.HttpBody) {
    option (google.api.http) = {get: "/download"};
  }
  rpc Check(Nothing) returns (Everything) {
    option (google.api.http) = {post: "/check" body: "*"};
  }
}
"""

FRAME = Frame(
    info={"title": "Library", "version": "v1"},
    security={2: ("token",), 3: ("key", "header")},
    security_schemes={
        "token": {"type": "http", "scheme": "bearer"},
        "key": {"type": "http", "scheme": "bearer"},
        "header": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    },
    error={"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]},
    error_example={"message": "It broke."},
    refusal_example={"message": "Who are you?"},
    answer_headers={"x-request-id": {"schema": {"type": "string"}}},
    error_headers={"retry-after": {"schema": {"type": "integer"}}},
    extensions={"x-more": [1]},
)


def comments() -> Comments:
    """The comments of the source."""
    return read_comments(describe_protos(SOURCE))


def bindings(profile: Profile = PERPETUO, source: str = SOURCE) -> list[Binding]:
    """The bindings of the service."""
    service = compile_protos(source).FindServiceByName("test.v1.LibraryService")
    return load_bindings([service], profile)


def document(written: Written | None = None, profile: Profile = PERPETUO) -> dict[str, Any]:
    """The description of the service."""
    return describe(bindings(profile), profile, comments(), FRAME, written or Written())
