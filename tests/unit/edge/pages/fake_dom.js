// Runs a page's script against just enough of a document, and prints what it drew: node fake_dom.js SCRIPT DESCRIPTION
"use strict";
const fs = require("node:fs");
const vm = require("node:vm");

class Node {
  constructor(tag) { Object.assign(this, { tag, children: [], attributes: {}, listeners: {}, hidden: false }); }
  append(...children) { this.children.push(...children); }
  replaceChildren(...children) { this.children = children; }
  addEventListener(name, listener) { this.listeners[name] = listener; }
  setAttribute(name, value) { this.attributes[name] = String(value); if (name === "hidden") this.hidden = true; }
  scrollIntoView() { this.scrolled = true; }
  get id() { return this.attributes.id; }
  get value() { return this.typed ?? this.attributes.value ?? this.textContent; }
  set value(text) { this.typed = text; }
  get textContent() { return this.children.map((child) => child.textContent ?? child).join(""); }
  set textContent(text) { this.children = [text]; }
  *all() { yield this; for (const child of this.children) if (child instanceof Node) yield* child.all(); }
}

const roots = Object.fromEntries(["find", "nav", "about", "credentials", "gatewayKey", "userToken", "methods"]
  .map((id) => [id, new Node("div")]));
const nodes = () => Object.values(roots).flatMap((root) => [...root.all()]);
const sent = [];
const answer = { status: 200, statusText: "OK", headers: new Headers({ "content-type": "application/json" }), json: async () => ({ id: 1 }) };
const world = {
  document: { createElement: (tag) => new Node(tag), getElementById: (id) => roots[id] || nodes().find((node) => node.id === id) },
  location: { origin: "http://gateway", hash: "" },
  URLSearchParams, TextDecoder, console,
  fetch: async (url, options) => {
    if (url === "/openapi.json") return { json: async () => JSON.parse(fs.readFileSync(process.argv[3], "utf8")) };
    sent.push({ url, ...options });
    return answer;
  },
};
vm.createContext(world);
vm.runInContext(fs.readFileSync(process.argv[2], "utf8"), world);

async function main() {
  await new Promise((resolve) => setImmediate(resolve));
  roots.gatewayKey.value = "pk_1";
  for (const node of nodes().filter((each) => each.tag === "details")) {
    node.open = true;
    if (node.listeners.toggle) node.listeners.toggle();
  }
  for (const form of nodes().filter((each) => each.tag === "form")) form.listeners.submit({ preventDefault() {} });
  await new Promise((resolve) => setImmediate(resolve));
  const found = { text: roots.methods.textContent, about: roots.about.textContent, nav: roots.nav.textContent, sent,
    pre: nodes().filter((node) => node.tag === "pre").map((node) => node.textContent),
    links: nodes().filter((node) => node.tag === "a").map((node) => node.attributes.href) };
  roots.find.listeners.input({ target: { value: "chat" } });
  found.shown = nodes().filter((node) => node.tag === "section" && !node.hidden).map((node) => node.id);
  console.log(JSON.stringify(found));
}

main();
