/** What tokenizers and tasks refuse, each with its own message. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import type { Manifest } from "../src/bundle/manifest.js";
import type { Encoder } from "../src/inference/encoder.js";
import type { Host } from "../src/inference/host.js";
import { taskModel, type Models, type TaskName } from "../src/tasks/registry.js";
import { slices } from "../src/tokenization/chunking.js";
import { JsonTokenizer } from "../src/tokenization/json_tokenizer.js";
import { TextTokenizer } from "../src/tokenization/tokenizer.js";
import { VECTORS } from "./support.js";

interface Recorded {
  manifest: Manifest;
  tokenizer: string;
}

/** Never reached: what is refused is not run. */
const ENCODER: Encoder = { outputs: [], run: () => assert.fail("it was run") };

function recorded(name: string): Recorded {
  return JSON.parse(readFileSync(path.join(VECTORS, "answers", `${name}.json`), "utf-8")) as Recorded;
}

function modelOf<Name extends TaskName>(name: string, changed: (manifest: Manifest) => void = () => {}): Models[Name] {
  const { manifest, tokenizer } = recorded(name);
  changed(manifest);
  return new (taskModel(manifest.default_task))({
    manifest,
    task: manifest.default_task,
    tokenizer: new TextTokenizer(tokenizer, manifest.tokenizer),
    encoder: ENCODER,
    host: { info: { bundle: "the bundle" } } as Host,
    files: async () => new Map(),
  }) as Models[Name];
}

const embed = modelOf<"embed">("embed");
const classify = modelOf<"classify">("bert-classify");
const tag = modelOf<"tag">("bert-tag");
const answer = modelOf<"answer">("bert-answer");
const rank = modelOf<"rank">("bert-rank");
const fill = modelOf<"fill">("bert-fill");
const next = modelOf<"next_sentence">("bert-next_sentence");
const long = "the small cat ".repeat(40);

const CALLS: readonly (readonly [string, () => Promise<unknown>, string, RegExp])[] = [
  ["one string for a list", () => embed.embed("a" as never), "InputError", /embed takes a list of strings, got one string; write embed\(\[text\]\)/],
  ["no list", () => embed.embed(7 as never), "InputError", /embed takes a list of strings, got a value of type number/],
  ["a pair without pairs", () => embed.embed([["a", "b"]] as never), "InputError", /item 0 is a list, expected a string/],
  ["a number as a text", () => tag.tag(["a", 7 as never]), "InputError", /item 1 is a value of type number, expected a string/],
  ["a lone surrogate", () => tag.tag(["a", "b\ud83d"]), "InputError", /item 1 holds a lone surrogate at place 1/],
  ["three texts", () => classify.classify([["a", "b", "c"] as never]), "InputError", /item 0 holds 3 texts/],
  ["an unknown option", () => classify.classify(["a"], { top_k: 1 } as never), "ConfigError", /unknown option top_k; there are .*topK/],
  ["no labels", () => classify.classify(["a"], { topK: 0 }), "InputError", /topK must be at least 1, got 0/],
  ["half a label", () => classify.classify(["a"], { topK: 1.5 }), "InputError", /topK must be a whole number, got 1.5/],
  ["another way with long texts", () => tag.tag(["a"], { long: "cut" as never }), "ConfigError", /long must be one of truncate, error, window; got "cut"/],
  ["windows where there are none", () => fill.fill("[MASK]", { long: "window" as never }), "ConfigError", /long must be one of truncate, error; got "window"/],
  ["a long text", () => embed.embed(["a", long], { long: "error" }), "InputError", /item 1 has 1\d\d tokens, the limit is 48; shorten it/],
  ["a stride without room", () => embed.embed([long], { long: "window", stride: 47 }), "ConfigError", /stride must be between 0 and 45 for windows of 48 tokens, got 47/],
  ["an unknown prompt", () => embed.embed(["a"], { prompt: "none" }), "ConfigError", /prompt 'none' is unknown; this bundle has: other, passage, query/],
  ["more dimensions than there are", () => embed.embed(["a"], { dimensions: 9 }), "ConfigError", /dimensions must be between 1 and 8, got 9/],
  ["another number format", () => embed.embed(["a"], { outputDtype: "int4" as never }), "ConfigError", /outputDtype must be one of float32, int8, binary; got "int4"/],
  ["another aggregation", () => tag.tag(["a"], { aggregation: "best" as never }), "ConfigError", /aggregation must be one of none, simple, first, average, max/],
  ["a label for a list of labels", () => tag.tag(["a"], { ignore: "O" as never }), "InputError", /ignore must be a list of labels, got "O"/],
  ["an empty question", () => answer.answer("", "a cat"), "InputError", /\[0\] is empty, expected a text/],
  ["a question that fills a window", () => answer.answer(long, "a cat"), "InputError", /fill a window of 48; shorten the question/],
  ["a window beyond the limit", () => answer.answer("a", "b", { window: 49 }), "ConfigError", /window must be between 1 and 48 tokens, got 49/],
  ["one document for a list", () => rank.rank("a", "b" as never), "InputError", /rank takes a list of strings/],
  ["a document that is no text", () => rank.rank("a", ["b", null as never]), "InputError", /document 1 is null, expected a string/],
  ["a text without a mask", () => fill.fill("a cat"), "InputError", /text has no \[MASK\] among its first \d+ tokens/],
  ["targets of several tokens", () => fill.fill("[MASK]", { targets: ["cat", "catdog"] }), "InputError", /target 1, "catdog", is \d+ tokens to this model/],
  ["no second text", () => next.score("a", undefined as never), "InputError", /second is undefined, expected a string/],
];

for (const [said, call, name, message] of CALLS) {
  test(`refuses ${said}`, () => assert.rejects(async () => call(), { name, message }));
}

test("refuses an ended signal before anything is run", async () => {
  await assert.rejects(embed.embed(["a"], { signal: AbortSignal.abort() }), { name: "AbortError" });
});

const MANIFESTS: readonly (readonly [string, string, (manifest: Manifest) => void, RegExp])[] = [
  ["an activation of another task", "bert-rank", (each) => { each.tasks.rank.head!.activation = "softmax"; }, /activation 'softmax', expected a head with activation sigmoid or none/],
  ["fewer labels than logits", "bert-tag", (each) => { each.tasks.tag.head!.labels.pop(); }, /names 4 labels for logits of 5/],
  ["an aggregation of a newer version", "bert-tag", (each) => { each.tasks.tag.head!.aggregation = "best"; }, /head: aggregation must be one of/],
  ["no mask", "bert-fill", (each) => { delete each.tokenizer.special_tokens.mask_token; }, /its tokenizer has no mask_token/],
  ["no room for a text", "bert-tag", (each) => { each.tokenizer.max_length = 2; }, /adds 2 special tokens to a text, and max_length is 2/],
  ["another padding token", "bert-tag", (each) => { each.tokenizer.pad_id = 3; }, /has "\[PAD\]" as token 0, expected 3/],
];

for (const [said, name, change, message] of MANIFESTS) {
  test(`refuses a bundle with ${said}`, () => assert.throws(() => modelOf(name, change), { message }));
}

const SECTIONS: readonly (readonly [string, object, RegExp])[] = [
  ["a normalizer", { normalizer: { type: "Nmt" } }, /has a normalizer of type "Nmt", which this package does not know/],
  ["a pre-tokenizer", { pre_tokenizer: { type: "UnicodeScripts" } }, /has a pre_tokenizer of type "UnicodeScripts"/],
  ["a model", { model: { type: "WordLevel", vocab: {} } }, /has a model of type "WordLevel", expected WordPiece, BPE, Unigram/],
  ["a pattern", { normalizer: { type: "Replace", pattern: { Regex: "(" }, content: "" } }, /has a pattern that cannot be read/],
  ["a map of characters", { normalizer: { type: "Precompiled", precompiled_charsmap: "////fw==" } }, /has a map of characters that ends early/],
];

for (const [said, section, message] of SECTIONS) {
  test(`refuses ${said} that it does not know`, () => {
    const content = { ...(JSON.parse(recorded("bert-tag").tokenizer) as object), ...section };
    assert.throws(() => new JsonTokenizer(JSON.stringify(content)), { name: "TokenizerError", message });
  });
}

test("refuses a tokenizer that lengthens texts without bound", () => {
  const part = { type: "Replace", pattern: { String: "a" }, content: "a".repeat(100) };
  const normalizer = { type: "Sequence", normalizers: [part, part] };
  const content = { ...(JSON.parse(recorded("bert-tag").tokenizer) as object), normalizer };
  const tokenizer = new JsonTokenizer(JSON.stringify(content));
  assert.throws(() => tokenizer.tokensOf("a".repeat(50)), { message: /makes 5000 characters of 50/ });
});

test("a huge text in slices has the tokens that it has in one", () => {
  const { tokenizer: content } = recorded("roberta-tag");
  const tokenizer = new JsonTokenizer(content);
  const text = "The small cat, 中国。Zürich 🙂  and\n\nfar ".repeat(90);
  const idsOf = (each: string): number[] => tokenizer.tokensOf(each).ids;
  const parts = slices(text, idsOf, 500);
  assert.ok(parts.length > 4);
  assert.equal(parts.join(""), text);
  assert.deepEqual(parts.flatMap(idsOf), idsOf(text));
});

test("tokens of a huge text have their places in the whole", () => {
  const text = "the small cat sat ".repeat(7000);
  const { tokens, count } = new TextTokenizer(recorded("bert-tag").tokenizer, recorded("bert-tag").manifest.tokenizer).encode(text, "it");
  assert.equal(count, 4 * 7000 + 2);
  const at = 20_002;
  assert.equal(text.slice(tokens.starts[at], tokens.ends[at]), tokens.pieces[at]);
  assert.equal(tokens.words[at], at - 1);
});
