// Shows the API description of this gateway and sends requests to it. It talks to its own origin only, keeps
// credentials in the page, and puts text into the document as text, never as markup.
"use strict";

const VERBS = ["get", "post", "put", "patch", "delete"];
const byId = (id) => document.getElementById(id);
let api;

function element(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== undefined && child !== null));
  return node;
}

// Backquotes become code, the names of error reasons links; nothing else is read as markup.
function inline(text) {
  const reasons = new Map((api["x-perpetuo-errors"] || []).map((each) => [each.reason, each.docs_url]));
  return text.split(/(`[^`]+`|\b[A-Z]{2,}(?:_[A-Z]+)+\b)/).map((piece) => {
    if (piece.startsWith("`") && piece.length > 2) return element("code", {}, piece.slice(1, -1));
    return reasons.has(piece) ? element("a", { href: reasons.get(piece) }, piece) : piece;
  });
}

function prose(text) {
  return (text || "").split(/\n\n+/).filter(Boolean).map((paragraph) => {
    const lines = paragraph.split("\n");
    if (!lines.every((line) => line.startsWith("- "))) return element("p", {}, ...inline(lines.join(" ")));
    return element("ul", {}, ...lines.map((line) => element("li", {}, ...inline(line.slice(2)))));
  });
}

function resolve(schema) {
  if (!schema || !schema.$ref) return schema || {};
  const found = schema.$ref.split("/").slice(1).reduce((at, key) => at[key], api);
  return { ...found, ...schema, $ref: undefined, title: schema.$ref.split("/").pop() };
}

function kindOf(schema) {
  const whole = resolve(schema);
  if (whole.const !== undefined) return JSON.stringify(whole.const);
  if (whole.enum) return whole.enum.map((value) => `"${value}"`).join(" | ");
  if (whole.anyOf) return whole.anyOf.map(kindOf).join(" or ");
  const types = [].concat(whole.type || "any");
  const shown = types.map((type) => {
    if (type === "array") return `array of ${kindOf(whole.items)}`;
    if (type === "object" && whole.title) return whole.title;
    return type === "string" || type === "integer" ? [type, whole.format].filter(Boolean).join(" ") : type;
  });
  return shown.join(" or ");
}

// The members below a schema, through arrays and alternatives; drawn when they are opened, as types may hold themselves.
function below(schema) {
  const whole = resolve(schema);
  if (whole.properties) return [whole];
  if (whole.items) return below(whole.items);
  if (whole.anyOf) return whole.anyOf.flatMap(below);
  return typeof whole.additionalProperties === "object" ? below(whole.additionalProperties) : [];
}

function members(schema) {
  const required = new Set(schema.required || []);
  return element("ul", { class: "members" }, ...Object.entries(schema.properties || {}).map(([name, member]) => {
    const inner = below(member);
    const mark = required.has(name) ? "" : " · optional";
    const details = inner.length ? element("details", {}, element("summary", {}, "members")) : null;
    if (details) {
      details.addEventListener("toggle", () => {
        if (details.open && details.children.length === 1) details.append(...inner.map(members));
      });
    }
    return element("li", {}, element("code", {}, name), " ", element("span", { class: "kind" }, kindOf(member) + mark),
      ...prose(resolve(member).description), details);
  }));
}

function pretty(value) {
  return element("pre", { tabindex: "0" }, element("code", {}, JSON.stringify(value, null, 2)));
}

function mediaView(content) {
  return Object.entries(content || {}).flatMap(([type, media]) => [
    element("p", { class: "note" }, element("code", {}, type)),
    ...below(media.schema).map(members),
    media.example === undefined ? null : pretty(media.example),
  ]).filter(Boolean);
}

function parameterTable(parameters) {
  return element("table", {}, element("tbody", {}, ...parameters.map((each) => element("tr", {},
    element("td", {}, element("code", {}, each.name)),
    element("td", { class: "kind" }, `${each.in}, ${kindOf(each.schema)}${each.required ? "" : ", optional"}`),
    element("td", {}, ...inline(each.description || ""))))));
}

function credential(operation) {
  const scheme = (operation.security || []).flatMap(Object.keys)[0];
  if (!scheme) return null;
  return { id: scheme, value: byId(scheme) ? byId(scheme).value.trim() : "", stand: scheme === "userToken" ? "TOKEN" : "KEY" };
}

const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function curlOf(verb, url, operation, body) {
  const parts = ["curl -sS", verb === "get" ? "" : `-X ${verb.toUpperCase()}`, quote(location.origin + url)];
  const needs = credential(operation);
  if (needs) parts.push(`-H ${quote(`Authorization: Bearer ${needs.stand}`)}`);
  if (body !== undefined) parts.push(`-H 'Content-Type: application/json'`, `-d ${quote(body)}`);
  return parts.filter(Boolean).join(" ");
}

function urlOf(path, parameters, values) {
  const isRest = (operation) => (operation["x-perpetuo-template"] || "").includes("**");
  let url = path;
  const query = new URLSearchParams();
  for (const each of parameters.list) {
    const value = values(each);
    if (each.in === "path") {
      const text = isRest(parameters.operation) ? value.split("/").map(encodeURIComponent).join("/") : encodeURIComponent(value);
      url = url.replace(`{${each.name}}`, () => text);
    } else if (value !== "") {
      query.append(each.name, value);
    }
  }
  return String(query) ? `${url}?${query}` : url;
}

async function show(output, request) {
  output.hidden = false;
  output.textContent = "…";
  try {
    const answer = await request;
    const lines = ["x-request-id", "retry-after", "x-should-retry"].filter((name) => answer.headers.has(name))
      .map((name) => `${name}: ${answer.headers.get(name)}`);
    const head = [`${answer.status} ${answer.statusText}`, ...lines, "", ""].join("\n");
    if ((answer.headers.get("content-type") || "").includes("json")) {
      output.textContent = head + JSON.stringify(await answer.json(), null, 2);
      return;
    }
    output.textContent = head;
    const decoder = new TextDecoder();
    for (const reader = answer.body.getReader(); ;) {
      const { done, value } = await reader.read();
      if (done) return;
      output.textContent += decoder.decode(value, { stream: true });
    }
  } catch (error) {
    output.textContent = `The request failed: ${error.message}`;
  }
}

function tryForm(path, verb, operation) {
  const list = operation.parameters || [];
  const media = operation.requestBody && operation.requestBody.content["application/json"];
  const inputs = new Map(list.map((each) => [each, element("input", { value: each.in === "path" ? each.example : undefined,
    required: each.required, placeholder: each.example || "" })]));
  const body = media && element("textarea", { spellcheck: "false" }, JSON.stringify(media.example, null, 2));
  const output = element("pre", { hidden: true, tabindex: "0", "aria-live": "polite" });
  const curl = element("pre", { tabindex: "0" });
  const url = () => urlOf(path, { list, operation }, (each) => inputs.get(each).value);
  const redraw = () => { curl.textContent = curlOf(verb, url(), operation, body && body.value); };
  const send = (event) => {
    event.preventDefault();
    const headers = {};
    const needs = credential(operation);
    if (needs && needs.value) headers.authorization = `Bearer ${needs.value}`;
    if (body) headers["content-type"] = "application/json";
    show(output, fetch(url(), { method: verb.toUpperCase(), headers, body: body && body.value, credentials: "omit" }));
  };
  const form = element("form", { class: "try", onsubmit: send, oninput: redraw },
    element("h3", {}, "Try it"),
    ...[...inputs].map(([each, input]) => element("label", {}, each.name, input)),
    body && element("label", {}, "Body", body), curl,
    element("div", { class: "buttons" }, element("button", { type: "submit" }, "Send"),
      element("button", { type: "button", onclick: () => navigator.clipboard.writeText(curl.textContent) }, "Copy curl")),
    output);
  redraw();
  return form;
}

function opens(operation) {
  const schemes = (operation.security || []).flatMap(Object.keys);
  if (!schemes.length) return "Open to anybody.";
  return schemes.includes("userToken") ? "Needs the token of a signed-in user." : "Needs a gateway key.";
}

function methodView(path, verb, operation) {
  const answers = Object.entries(operation.responses).map(([status, response]) => [status, resolve(response)]);
  const section = element("section", { class: "method", id: operation.operationId, "aria-label": `${verb} ${path}` },
    element("h2", {}, element("span", { class: `verb ${verb}` }, verb.toUpperCase()), element("span", { class: "path" }, path)),
    ...prose(operation.description || `${operation.summary}.`),
    element("p", { class: "note" }, opens(operation), " gRPC: ", element("code", {}, operation["x-perpetuo-rpc"] || "")));
  if (operation.parameters) section.append(element("h3", {}, "Parameters"), parameterTable(operation.parameters));
  if (operation.requestBody) section.append(element("h3", {}, "Body"), ...mediaView(operation.requestBody.content));
  for (const [status, response] of answers) {
    if (status === "200") section.append(element("h3", {}, "Answer"), ...prose(response.description), ...mediaView(response.content));
  }
  const failures = answers.filter(([status]) => status !== "200").map(([status, response]) =>
    element("details", {}, element("summary", {}, status === "default" ? "Any error" : status), ...prose(response.description),
      ...mediaView(response.content)));
  section.append(...failures, tryForm(path, verb, operation));
  return section;
}

function operations() {
  return Object.entries(api.paths).flatMap(([path, item]) =>
    VERBS.filter((verb) => item[verb]).map((verb) => ({ path, verb, operation: item[verb] })));
}

function find(text) {
  const word = text.trim().toLowerCase();
  for (const { path, verb, operation } of operations()) {
    const hay = `${verb} ${path} ${operation.summary} ${operation.description || ""}`.toLowerCase();
    byId(`nav-${operation.operationId}`).hidden = !hay.includes(word);
    byId(operation.operationId).hidden = !hay.includes(word);
  }
}

function draw() {
  byId("about").append(...prose(api.info.description));
  byId("methods").replaceChildren();
  for (const tag of api.tags) {
    const own = operations().filter(({ operation }) => operation.tags.includes(tag.name));
    const list = own.map(({ path, verb, operation }) => element("li", { id: `nav-${operation.operationId}` },
      element("a", { href: `#${operation.operationId}`, title: operation.summary },
        element("span", { class: `verb ${verb}` }, verb.toUpperCase()), path)));
    byId("nav").append(element("h2", {}, tag.name.replace(/Service$/, "")), element("ul", {}, ...list));
    byId("methods").append(element("h2", {}, tag.name.replace(/Service$/, "")), ...prose(tag.description),
      ...own.map(({ path, verb, operation }) => methodView(path, verb, operation)));
  }
  byId("find").addEventListener("input", (event) => find(event.target.value));
  byId("credentials").addEventListener("submit", (event) => event.preventDefault());
  if (location.hash && byId(location.hash.slice(1))) byId(location.hash.slice(1)).scrollIntoView();
}

async function start() {
  try {
    api = await (await fetch("/openapi.json")).json();
    draw();
  } catch (error) {
    byId("methods").replaceChildren(element("p", {}, `The API description cannot be shown: ${error.message}`));
  }
}

start();
