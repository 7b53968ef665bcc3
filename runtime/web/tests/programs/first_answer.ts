/**
 * From a new process to the first vector: by this package, or by onnxruntime-web and the tokenizer
 * library alone. Usage: node first_answer.js ours|bare BUNDLE VARIANT
 */

import { readFileSync } from "node:fs";
import path from "node:path";

const TEXT = "The small cat sat on the mat, and the dog ran far over the red hills.";
const [who, bundle, variant] = process.argv.slice(2);

async function ours(): Promise<ArrayLike<number>> {
  const { load } = await import("../../src/index.js");
  const model = await load(bundle, { variant });
  return (await model.embed([TEXT]))[0];
}

async function bare(): Promise<ArrayLike<number>> {
  const { open } = await import("./bare.js");
  const { file } = JSON.parse(readFileSync(path.join(bundle, "edgebert.json"), "utf-8")).variants[variant];
  return (await (await open(bundle, file, "sentence_embedding"))(TEXT)).data;
}

const began = performance.now();
const vector = who === "ours" ? await ours() : await bare();
const { user, system } = process.cpuUsage();
console.log(JSON.stringify({ wall_ms: performance.now() - began, cpu_ms: (user + system) / 1000, first: vector[0] }));
process.exit(0);
