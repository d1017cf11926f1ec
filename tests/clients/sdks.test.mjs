// The SDKs of OpenAI and Anthropic for Node, unmodified: what their documentation shows them doing, on every dialect.
// The scenes are those of tests/matrix/scenes.py; the fake upstream holds what it is asked against the vendors' own types.

import assert from "node:assert/strict";
import { test } from "node:test";

import Anthropic from "@anthropic-ai/sdk";
import { betaTool } from "@anthropic-ai/sdk/helpers/beta/json-schema";
import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

const { STAGE_URL, STAGE_KEY, STAGE_DIALECTS } = process.env;
const openai = new OpenAI({ baseURL: `${STAGE_URL}/v1`, apiKey: STAGE_KEY, maxRetries: 0 });
const anthropic = new Anthropic({ baseURL: STAGE_URL, apiKey: STAGE_KEY, maxRetries: 0 });

const SYSTEM = "Answer as briefly as you can.";
const RESULT = "12 °C in Zürich";
const PNG =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const WORDS = {
  text: "Greet the world.",
  tools: "What is the weather in Zürich?",
  "parallel-tools": "What is the weather in Zürich, and what time is it?",
  "reasoned-tools": "What is the weather?",
  image: "What is this?",
  schema: "How warm is it?",
};
const SAID = { text: "Grüezi, Welt! 👋", results: "It is 12 °C.", image: "A dot." };
const WEATHER = {
  name: "get_weather",
  description: "Weather.",
  parameters: {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
  },
};
const CLOCK = { name: "now", parameters: { type: "object", properties: {} } };
const Warmth = z.object({ celsius: z.number().int() });

function messages(scene) {
  return [
    { role: "system", content: SYSTEM },
    { role: "user", content: WORDS[scene] },
  ];
}

const chatTools = [WEATHER, CLOCK].map((tool) => ({ type: "function", function: tool }));
const responseTools = [WEATHER, CLOCK].map((tool) => ({ type: "function", strict: false, ...tool }));
const messageTools = [WEATHER, CLOCK].map(({ parameters, ...tool }) => ({ ...tool, input_schema: parameters }));

const openaiExamples = {
  "chat.completions.create": async (model) => {
    const completion = await openai.chat.completions.create({ model: `${model}text`, messages: messages("text") });
    assert.equal(completion.choices[0].message.content, SAID.text);
  },
  "chat.completions.create, stream": async (model) => {
    const stream = await openai.chat.completions.create({
      model: `${model}text`,
      messages: messages("text"),
      stream: true,
    });
    let text = "";
    for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? "";
    assert.equal(text, SAID.text);
  },
  "chat.completions.stream": async (model) => {
    const stream = openai.chat.completions.stream({ model: `${model}text`, messages: messages("text") });
    let text = "";
    stream.on("content", (delta) => (text += delta));
    assert.equal((await stream.finalChatCompletion()).choices[0].message.content, SAID.text);
    assert.equal(text, SAID.text);
  },
  "chat.completions.create, tools": async (model) => {
    const asked = { model: `${model}tools`, messages: messages("tools"), tools: chatTools };
    const { message } = (await openai.chat.completions.create(asked)).choices[0];
    const [call] = message.tool_calls;
    assert.equal(call.function.name, "get_weather");
    assert.equal(JSON.parse(call.function.arguments).city, "Zürich");
    asked.messages.push(message, { role: "tool", tool_call_id: call.id, content: RESULT });
    assert.equal((await openai.chat.completions.create(asked)).choices[0].message.content, SAID.results);
  },
  "chat.completions.runTools": async (model) => {
    const ran = [];
    const run = (name) => (input) => (ran.push(name), name === "now" ? "12:00" : RESULT);
    const tools = [WEATHER, CLOCK].map((tool) => ({
      type: "function",
      function: { ...tool, parse: JSON.parse, function: run(tool.name) },
    }));
    const runner = openai.chat.completions.runTools({ model: `${model}tools`, messages: messages("tools"), tools });
    assert.equal(await runner.finalContent(), SAID.results);
    assert.deepEqual(ran, ["get_weather"]);
  },
  "chat.completions.stream, parallel tools": async (model) => {
    const stream = openai.chat.completions.stream({
      model: `${model}parallel-tools`,
      messages: messages("parallel-tools"),
      tools: chatTools,
    });
    const { message } = (await stream.finalChatCompletion()).choices[0];
    const calls = message.tool_calls.map((call) => call.function);
    assert.deepEqual(
      calls.map((call) => call.name),
      ["get_weather", "now"],
    );
    assert.deepEqual(JSON.parse(calls[1].arguments), {});
  },
  "chat.completions.parse": async (model) => {
    const completion = await openai.chat.completions.parse({
      model: `${model}schema`,
      messages: messages("schema"),
      response_format: zodResponseFormat(Warmth, "warmth"),
    });
    assert.deepEqual(completion.choices[0].message.parsed, { celsius: 12 });
  },
  "chat.completions.create, vision": async (model) => {
    const [system] = messages("image");
    const content = [
      { type: "text", text: WORDS.image },
      { type: "image_url", image_url: { url: `data:image/png;base64,${PNG}` } },
    ];
    const asked = { model: `${model}image`, messages: [system, { role: "user", content }] };
    assert.equal((await openai.chat.completions.create(asked)).choices[0].message.content, SAID.image);
  },
  "responses.create": async (model) => {
    const asked = { model: `${model}text`, instructions: SYSTEM, input: WORDS.text };
    assert.equal((await openai.responses.create(asked)).output_text, SAID.text);
  },
  "responses.stream": async (model) => {
    const stream = openai.responses.stream({ model: `${model}text`, instructions: SYSTEM, input: WORDS.text });
    let text = "";
    for await (const event of stream) if (event.type === "response.output_text.delta") text += event.delta;
    assert.equal((await stream.finalResponse()).output_text, text);
    assert.equal(text, SAID.text);
  },
  "responses.parse": async (model) => {
    const response = await openai.responses.parse({
      model: `${model}schema`,
      instructions: SYSTEM,
      input: WORDS.schema,
      text: { format: zodTextFormat(Warmth, "warmth") },
    });
    assert.deepEqual(response.output_parsed, { celsius: 12 });
  },
  "responses.create, tools, kept": async (model) => {
    const asked = { model: `${model}tools`, instructions: SYSTEM, tools: responseTools, store: true };
    const first = await openai.responses.create({ ...asked, input: WORDS.tools });
    const call = first.output.find((item) => item.type === "function_call");
    const input = [{ type: "function_call_output", call_id: call.call_id, output: RESULT }];
    const second = await openai.responses.create({ ...asked, input, previous_response_id: first.id });
    assert.equal(second.output_text, SAID.results);
    assert.equal((await openai.responses.retrieve(second.id)).id, second.id);
    const kinds = [];
    for await (const item of openai.responses.inputItems.list(second.id, { order: "asc" })) kinds.push(item.type);
    assert.deepEqual(kinds.slice(-2), ["function_call", "function_call_output"]);
    await openai.responses.delete(second.id);
    await assert.rejects(openai.responses.retrieve(second.id), OpenAI.NotFoundError);
  },
};

function request(model, scene, more = {}) {
  const content = WORDS[scene];
  return {
    model: `${model}${scene}`,
    max_tokens: 4000,
    system: SYSTEM,
    messages: [{ role: "user", content }],
    ...more,
  };
}

function textOf(message) {
  return message.content.map((block) => (block.type === "text" ? block.text : "")).join("");
}

const anthropicExamples = {
  "messages.create": async (model) => {
    const message = await anthropic.messages.create(request(model, "text"));
    assert.equal(textOf(message), SAID.text);
    assert.equal(message.stop_reason, "end_turn");
  },
  "messages.create, stream": async (model) => {
    const kinds = [];
    for await (const event of await anthropic.messages.create(request(model, "text", { stream: true })))
      kinds.push(event.type);
    assert.equal(kinds[0], "message_start");
    assert.deepEqual(kinds.slice(-2), ["message_delta", "message_stop"]);
  },
  "messages.stream": async (model) => {
    let text = "";
    const stream = anthropic.messages.stream(request(model, "text")).on("text", (delta) => (text += delta));
    assert.equal(textOf(await stream.finalMessage()), SAID.text);
    assert.equal(text, SAID.text);
  },
  "messages.create, tools": async (model) => {
    const asked = request(model, "tools", { tools: messageTools });
    const first = await anthropic.messages.create(asked);
    const use = first.content.find((block) => block.type === "tool_use");
    assert.equal(use.input.city, "Zürich");
    const result = { type: "tool_result", tool_use_id: use.id, content: RESULT };
    asked.messages.push({ role: "assistant", content: first.content }, { role: "user", content: [result] });
    assert.equal(textOf(await anthropic.messages.create(asked)), SAID.results);
  },
  "beta.messages.toolRunner": async (model) => {
    const ran = [];
    const tools = messageTools.map((tool) =>
      betaTool({
        name: tool.name,
        description: tool.description ?? "The time.",
        inputSchema: tool.input_schema,
        run: async () => (ran.push(tool.name), tool.name === "now" ? "12:00" : RESULT),
      }),
    );
    const final = await anthropic.beta.messages.toolRunner(request(model, "tools", { tools }));
    assert.equal(textOf(final), SAID.results);
    assert.deepEqual(ran, ["get_weather"]);
  },
  "messages.create, vision": async (model) => {
    const source = { type: "base64", media_type: "image/png", data: PNG };
    const content = [
      { type: "image", source },
      { type: "text", text: WORDS.image },
    ];
    const asked = request(model, "image", { messages: [{ role: "user", content }] });
    assert.equal(textOf(await anthropic.messages.create(asked)), SAID.image);
  },
  "messages.create, schema": async (model) => {
    const schema = { ...WEATHER.parameters, properties: { celsius: { type: "integer" } }, required: ["celsius"] };
    const asked = request(model, "schema", { output_config: { format: { type: "json_schema", schema } } });
    assert.deepEqual(JSON.parse(textOf(await anthropic.messages.create(asked))), { celsius: 12 });
  },
  "messages.countTokens": async (model) => {
    const { max_tokens, ...asked } = request(model, "text");
    assert.ok((await anthropic.messages.countTokens(asked)).input_tokens > 0);
  },
  "as Claude Code calls": async (model) => {
    const mark = { cache_control: { type: "ephemeral" } };
    const asked = request(model, "reasoned-tools", {
      system: [{ type: "text", text: SYSTEM, ...mark }],
      tools: [messageTools[0], { ...messageTools[1], ...mark }],
      thinking: { type: "enabled", budget_tokens: 1024 },
      metadata: { user_id: `user_${"d".repeat(64)}_account__session_0c9f4fd0-8f8c-4f0c-9d2c-000000000000` },
      betas: ["claude-code-20250219", "interleaved-thinking-2025-05-14"],
      messages: [{ role: "user", content: [{ type: "text", text: WORDS["reasoned-tools"], ...mark }] }],
    });
    const first = await anthropic.beta.messages.stream(asked).finalMessage();
    const use = first.content.find((block) => block.type === "tool_use");
    const result = { type: "tool_result", tool_use_id: use.id, content: RESULT, ...mark };
    asked.messages.push({ role: "assistant", content: first.content }, { role: "user", content: [result] });
    assert.equal(textOf(await anthropic.beta.messages.stream(asked).finalMessage()), SAID.results);
  },
};

for (const [dialect, provider] of Object.entries(JSON.parse(STAGE_DIALECTS))) {
  for (const [name, example] of Object.entries(openaiExamples))
    test(`${dialect}: openai: ${name}`, () => example(`${provider}/`));
  for (const [name, example] of Object.entries(anthropicExamples))
    test(`${dialect}: anthropic: ${name}`, () => example(`${provider}/`));
}

test("openai: models.list", async () => {
  const ids = [];
  for await (const model of openai.models.list()) ids.push(model.id);
  assert.ok(ids.length > 0);
  assert.equal((await openai.models.retrieve(ids[0])).id, ids[0]);
});

test("anthropic: models.list, in pages", async () => {
  const ids = [];
  for await (const model of anthropic.models.list({ limit: 2 })) ids.push(model.id);
  assert.ok(ids.length > 2);
  assert.equal(new Set(ids).size, ids.length);
});
