// @grpc/grpc-js without a proto file: everything that it knows of the services comes from server reflection.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";

import grpc from "@grpc/grpc-js";
import reflection from "grpc-js-reflection-client";
import protobuf from "protobufjs";

const { PERPETUO_TARGET, PERPETUO_DEMO_KEY, PERPETUO_KEY } = process.env;
const SERVICE = "perpetuo.v1.CompletionsService";
const LOADER = { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true };

// google.rpc.Status and the details that are looked at, as far as they are looked at.
const RPC = protobuf.parse(`
  syntax = "proto3";
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message ErrorInfo { string reason = 1; string domain = 2; map<string, string> metadata = 3; }
  message FieldViolation { string field = 1; string description = 2; }
  message BadRequest { repeated FieldViolation field_violations = 1; }
  message RequestInfo { string request_id = 1; }
  message Duration { int64 seconds = 1; int32 nanos = 2; }
  message RetryInfo { Duration retry_delay = 1; }
`, { keepCase: true }).root;

function statusOf(error) {
  const [raw] = error.metadata.get("grpc-status-details-bin");
  const status = RPC.lookupType("Status").decode(raw);
  const details = {};
  for (const { type_url, value } of status.details) {
    const name = type_url.split("google.rpc.")[1];
    const type = RPC.get(name);
    details[name] ??= [];
    details[name].push(type instanceof protobuf.Type ? type.decode(value) : value);
  }
  return { code: status.code, message: status.message, details };
}

function bearer(key) {
  const metadata = new grpc.Metadata();
  metadata.set("authorization", `Bearer ${key}`);
  return metadata;
}

function ask(model, more = {}) {
  return { model, messages: [{ role: "user", content: { text: "Hello there, you." } }], ...more };
}

for (const version of ["v1", "v1alpha"]) {
  describe(`with what reflection ${version} tells`, () => {
    const credentials = grpc.credentials.createInsecure();
    let names;
    let completions;
    let health;

    const unary = (request, metadata, options = {}) =>
      new Promise((resolve, reject) => {
        let trailing;
        let initial;
        const call = completions.CreateChatCompletion(request, metadata, options, (error, answer) =>
          error ? reject(error) : resolve({ answer, initial, trailing }),
        );
        call.on("metadata", (sent) => (initial = sent));
        call.on("status", (status) => (trailing = status.metadata));
      });

    const streamed = async (call) => {
      const chunks = [];
      for await (const chunk of call) chunks.push(chunk);
      return chunks;
    };

    before(async () => {
      const client = new reflection.GrpcReflection(PERPETUO_TARGET, credentials, {}, version);
      names = await client.listServices();
      const load = async (service) => (await client.getDescriptorBySymbol(service)).getPackageObject(LOADER);
      const { perpetuo } = await load(SERVICE);
      completions = new perpetuo.v1.CompletionsService(PERPETUO_TARGET, credentials);
      const loaded = await load("grpc.health.v1.Health");
      health = new loaded.grpc.health.v1.Health(PERPETUO_TARGET, credentials);
    });

    after(() => {
      completions.close();
      health.close();
    });

    test("every service is listed", () => {
      for (const name of ["AuthService", "CompletionsService", "KeysService", "ModelsService", "ProvidersService"]) {
        assert.ok(names.includes(`perpetuo.v1.${name}`), `${name} in ${names}`);
      }
      assert.ok(names.includes("grpc.health.v1.Health"));
      assert.ok(names.includes(`grpc.reflection.${version}.ServerReflection`));
    });

    test("a unary call", async () => {
      const metadata = bearer(PERPETUO_DEMO_KEY);
      const { answer, initial } = await unary(ask("demo/echo", { temperature: 0.5, seed: "7" }), metadata);
      assert.equal(answer.choices[0].message.content.text, "Hello there, you.");
      assert.equal(answer.choices[0].finish_reason, "stop");
      assert.equal(answer.gateway_metadata.provider, "demo");
      assert.deepEqual(initial.get("x-request-id"), [answer.gateway_metadata.request_id]);
    });

    test("a stream", async () => {
      const call = completions.StreamChatCompletion({ request: ask("demo/echo") }, bearer(PERPETUO_DEMO_KEY));
      const chunks = await streamed(call);
      const text = chunks.flatMap((chunk) => chunk.choices.map((choice) => choice.delta?.content ?? "")).join("");
      assert.equal(text, "Hello there, you.");
      assert.ok(chunks.at(-1).gateway_metadata.request_id.startsWith("req_"));
    });

    test("a wrong key is UNAUTHENTICATED with one ErrorInfo", async () => {
      await assert.rejects(unary(ask("demo/echo"), bearer("pk_wrong")), (error) => {
        assert.equal(error.code, grpc.status.UNAUTHENTICATED);
        const status = statusOf(error);
        assert.equal(status.message, error.details);
        assert.equal(status.details.ErrorInfo.length, 1);
        assert.equal(status.details.ErrorInfo[0].reason, "KEY_INVALID");
        assert.equal(status.details.ErrorInfo[0].domain, "perpetuo.dev");
        assert.deepEqual(error.metadata.get("x-request-id"), [status.details.RequestInfo[0].request_id]);
        return true;
      });
    });

    test("a member that is wrong is named", async () => {
      await assert.rejects(unary(ask("demo/echo", { temperature: 9 }), bearer(PERPETUO_DEMO_KEY)), (error) => {
        assert.equal(error.code, grpc.status.INVALID_ARGUMENT);
        assert.equal(statusOf(error).details.BadRequest[0].field_violations[0].field, "temperature");
        return true;
      });
    });

    test("a limit says when to try again", async () => {
      // A model rests while its limit holds: each version has one of its own.
      const model = `mock/status-429?retry_after=2+times?n=${version === "v1" ? 8 : 9}`;
      await assert.rejects(unary(ask(model), bearer(PERPETUO_KEY)), (error) => {
        assert.equal(error.code, grpc.status.RESOURCE_EXHAUSTED);
        const [retry] = statusOf(error).details.RetryInfo;
        assert.equal(Number(retry.retry_delay.seconds), 2);
        return true;
      });
    });

    test("a stream for a model that nobody has", async () => {
      const call = completions.StreamChatCompletion({ request: ask("demo/nope") }, bearer(PERPETUO_DEMO_KEY));
      await assert.rejects(streamed(call), (error) => {
        assert.equal(error.code, grpc.status.NOT_FOUND);
        assert.equal(statusOf(error).details.ErrorInfo[0].reason, "MODEL_UNKNOWN");
        return true;
      });
    });

    test("a deadline", async () => {
      const options = { deadline: Date.now() + 300 };
      await assert.rejects(unary(ask("demo/slow"), bearer(PERPETUO_DEMO_KEY), options), (error) => {
        assert.equal(error.code, grpc.status.DEADLINE_EXCEEDED);
        return true;
      });
    });

    test("a stream that is cancelled", async () => {
      const call = completions.StreamChatCompletion({ request: ask("demo/slow") }, bearer(PERPETUO_DEMO_KEY));
      let received = 0;
      await assert.rejects(
        (async () => {
          for await (const chunk of call) {
            received += chunk.choices.length;
            if (received === 2) call.cancel();
          }
        })(),
        (error) => error.code === grpc.status.CANCELLED,
      );
      assert.ok(received >= 2);
    });

    test("the health of the service", async () => {
      const answer = await new Promise((resolve, reject) =>
        health.Check({ service: SERVICE }, (error, found) => (error ? reject(error) : resolve(found))),
      );
      assert.equal(answer.status, "SERVING");
    });
  });
}
