// OpenAI's SDK for Node, unmodified, with only the base URL and the key changed.

import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import OpenAI from "openai";

const { PERPETUO_URL, PERPETUO_DEMO_KEY, PERPETUO_KEY, PERPETUO_REFUSED_KEYS, MOCK_URL } = process.env;
const REFUSED = PERPETUO_REFUSED_KEYS.split(" ");
const HELLO = [{ role: "user", content: "Hello there, you." }];
const WEATHER = {
  type: "function",
  function: {
    name: "get_weather",
    description: "Weather of a city.",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};

function sdk(apiKey, options = {}) {
  return new OpenAI({ baseURL: `${PERPETUO_URL}/v1`, apiKey, maxRetries: 0, ...options });
}

// The demo provider, and the scripted upstream behind an account of its own.
const demo = sdk(PERPETUO_DEMO_KEY);
const mock = sdk(PERPETUO_KEY);

async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

function textOf(chunks) {
  return chunks.flatMap((chunk) => chunk.choices.map((choice) => choice.delta.content ?? "")).join("");
}

// What the scripted upstream was asked for a model, the oldest first.
async function arrived(model) {
  const { requests } = await (await fetch(`${MOCK_URL}/mock/requests`)).json();
  return requests.filter((request) => JSON.stringify(request).includes(model));
}

async function until(what, isSo) {
  const deadline = Date.now() + 10_000;
  while (!(await isSo())) {
    assert.ok(Date.now() < deadline, `waited for ${what}`);
    await sleep(20);
  }
}

test("a completion in one piece", async () => {
  const { data, request_id } = await demo.chat.completions
    .create({ model: "demo/echo", messages: HELLO })
    .withResponse();
  assert.equal(data.object, "chat.completion");
  assert.match(data.id, /^chatcmpl-/);
  assert.equal(data.choices[0].message.content, HELLO[0].content);
  assert.equal(data.choices[0].finish_reason, "stop");
  assert.equal(data.usage.total_tokens, data.usage.prompt_tokens + data.usage.completion_tokens);
  assert.equal(data.gateway_metadata.provider, "demo");
  assert.equal(data.gateway_metadata.request_id, request_id);
  assert.match(request_id, /^req_/);
});

test("a stream", async () => {
  const chunks = await collect(await demo.chat.completions.create({ model: "demo/echo", messages: HELLO, stream: true }));
  assert.equal(textOf(chunks), HELLO[0].content);
  const reasons = chunks.flatMap((chunk) => chunk.choices.map((choice) => choice.finish_reason).filter(Boolean));
  assert.deepEqual(reasons, ["stop"]);
  assert.equal(new Set(chunks.map((chunk) => chunk.id)).size, 1);
  assert.equal(chunks.at(-1).gateway_metadata.attempts, 1);
});

test("a stream that tells the usage if asked", async () => {
  const chunks = await collect(
    await mock.chat.completions.create({
      model: "mock/ok",
      messages: HELLO,
      stream: true,
      stream_options: { include_usage: true },
    }),
  );
  assert.equal(chunks.filter((chunk) => chunk.usage).length, 1);
  assert.ok(chunks.at(-1).usage.total_tokens > 0);
  assert.deepEqual(chunks.at(-1).choices, []);
});

test("a tool round trip", async () => {
  const first = await demo.chat.completions.create({ model: "demo/tool", messages: HELLO, tools: [WEATHER] });
  assert.equal(first.choices[0].finish_reason, "tool_calls");
  const [call] = first.choices[0].message.tool_calls;
  assert.equal(call.function.name, "get_weather");
  assert.equal(typeof JSON.parse(call.function.arguments).city, "string");
  const second = await demo.chat.completions.create({
    model: "demo/tool",
    messages: [...HELLO, first.choices[0].message, { role: "tool", tool_call_id: call.id, content: "12 degrees" }],
    tools: [WEATHER],
  });
  assert.match(second.choices[0].message.content, /12 degrees/);
});

test("streamed tool calls fold to valid arguments", async () => {
  const stream = demo.chat.completions.stream({ model: "demo/tool", messages: HELLO, tools: [WEATHER] });
  const final = await stream.finalChatCompletion();
  const [call] = final.choices[0].message.tool_calls;
  assert.equal(call.function.name, "get_weather");
  assert.equal(typeof JSON.parse(call.function.arguments).city, "string");
});

test("the SDK runs tools by itself", async () => {
  const cities = [];
  const runner = demo.chat.completions.runTools({
    model: "demo/tool",
    messages: HELLO,
    tools: [
      {
        type: "function",
        function: {
          ...WEATHER.function,
          parse: JSON.parse,
          function: ({ city }) => {
            cities.push(city);
            return "rain";
          },
        },
      },
    ],
  });
  assert.match(await runner.finalContent(), /rain/);
  assert.equal(cities.length, 1);
});

test("an answer that follows a JSON schema", async () => {
  const schema = {
    type: "object",
    properties: { name: { type: "string" }, age: { type: "integer" } },
    required: ["name", "age"],
    additionalProperties: false,
  };
  const answer = await demo.chat.completions.create({
    model: "demo/json",
    messages: HELLO,
    response_format: { type: "json_schema", json_schema: { name: "person", strict: true, schema } },
  });
  const person = JSON.parse(answer.choices[0].message.content);
  assert.deepEqual(Object.keys(person).sort(), ["age", "name"]);
  assert.ok(Number.isInteger(person.age));
});

test("the abort of a stream reaches the upstream", async () => {
  const model = "mock/slow?ms=50&n=400";
  const stream = await mock.chat.completions.create({ model, messages: HELLO, stream: true });
  let received = 0;
  for await (const chunk of stream) {
    received += chunk.choices.length;
    if (received === 3) stream.controller.abort();
  }
  assert.ok(received >= 3 && received < 400);
  await until("the upstream to see the abort", async () => (await arrived("slow?ms=50")).some((one) => one.disconnected));
});

const ERRORS = [
  ["a wrong key", "pk_wrong", "demo/echo", OpenAI.AuthenticationError, 401, "invalid_api_key"],
  ["a model that nobody has", PERPETUO_DEMO_KEY, "demo/nope", OpenAI.NotFoundError, 404, "model_not_found"],
  ["a provider that limits", PERPETUO_DEMO_KEY, "demo/error-429", OpenAI.RateLimitError, 429, "rate_limit_exceeded"],
  ["a provider that fails", PERPETUO_DEMO_KEY, "demo/error-500", OpenAI.InternalServerError, 503, "upstream_unavailable"],
  ["a provider that refuses our key", REFUSED, "mock/status-401", OpenAI.InternalServerError, 502, "upstream_auth"],
];

for (const [name, keys, model, kind, status, code] of ERRORS) {
  for (const stream of [false, true]) {
    const key = Array.isArray(keys) ? keys[Number(stream)] : keys;
    test(`the error class for ${name}, ${stream ? "streamed" : "in one piece"}`, async () => {
      await assert.rejects(sdk(key).chat.completions.create({ model, messages: HELLO, stream }), (error) => {
        assert.ok(error instanceof kind, `${error}`);
        assert.equal(error.status, status);
        assert.equal(error.code, code);
        assert.match(error.requestID, /^req_/);
        assert.equal(error.error.request_id, error.requestID);
        assert.equal(error.headers.get("x-should-retry"), String(code === "rate_limit_exceeded"));
        return true;
      });
    });
  }
}

test("the error for a member that is wrong names it", async () => {
  await assert.rejects(demo.chat.completions.create({ model: "demo/echo", messages: HELLO, temperature: 9 }), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.param, "temperature");
    assert.equal(error.type, "invalid_request_error");
    return true;
  });
});

test("a stream that breaks does not end as if it were whole", async () => {
  const stream = await mock.chat.completions.create({ model: "mock/reset-after?n=3", messages: HELLO, stream: true });
  await assert.rejects(collect(stream), (error) => {
    assert.ok(error instanceof OpenAI.APIError);
    assert.equal(error.code, "upstream_stream_interrupted");
    return true;
  });
});

test("the SDK does not try again what the gateway has tried in vain", async () => {
  const model = "mock/status-502";
  const retrying = sdk(PERPETUO_KEY, { maxRetries: 3 });
  await assert.rejects(retrying.chat.completions.create({ model, messages: HELLO }), OpenAI.InternalServerError);
  const once = (await arrived("status-502")).length;
  await assert.rejects(mock.chat.completions.create({ model, messages: HELLO }), OpenAI.InternalServerError);
  assert.equal((await arrived("status-502")).length, once * 2);
});

test("the SDK tries again after a limit, when it was told to", async () => {
  const model = "mock/status-429?retry_after=1+times?n=1";
  const began = Date.now();
  const answer = await sdk(PERPETUO_KEY, { maxRetries: 1 }).chat.completions.create({ model, messages: HELLO });
  assert.ok(answer.choices[0].message.content);
  assert.equal((await arrived("status-429?retry_after=1")).length, 2);
  assert.ok(Date.now() - began >= 950);
});

test("the models of the key are listed and shown", async () => {
  const names = [];
  for await (const model of demo.models.list()) names.push(model.id);
  assert.ok(names.includes("demo/echo"));
  const one = await demo.models.retrieve("demo/echo");
  assert.equal(one.id, "demo/echo");
  assert.equal(one.object, "model");
  await assert.rejects(demo.models.retrieve("demo/nope"), OpenAI.NotFoundError);
});
