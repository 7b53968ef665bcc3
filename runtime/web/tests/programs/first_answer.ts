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
  const ort = await import("onnxruntime-web/wasm");
  const { Tokenizer } = await import("@huggingface/tokenizers");
  const read = (name: string): any => JSON.parse(readFileSync(path.join(bundle, name), "utf-8"));
  const tokenizer = new Tokenizer(read("tokenizer.json"), read("tokenizer_config.json"));
  ort.env.wasm.numThreads = 1;
  const { file } = read("edgebert.json").variants[variant];
  const session = await ort.InferenceSession.create(readFileSync(path.join(bundle, file)));
  const { ids } = tokenizer.encode(TEXT) as { ids: number[] };
  const tensor = (values: number[]) => new ort.Tensor("int64", BigInt64Array.from(values, BigInt), [1, ids.length]);
  const given: Record<string, number[]> = {
    input_ids: ids,
    attention_mask: ids.map(() => 1),
    token_type_ids: ids.map(() => 0),
  };
  const feeds = Object.fromEntries(session.inputNames.map((name) => [name, tensor(given[name])]));
  const found = await session.run(feeds, ["sentence_embedding"]);
  return found["sentence_embedding"].data as Float32Array;
}

const began = performance.now();
const vector = who === "ours" ? await ours() : await bare();
const { user, system } = process.cpuUsage();
console.log(JSON.stringify({ wall_ms: performance.now() - began, cpu_ms: (user + system) / 1000, first: vector[0] }));
process.exit(0);
