/**
 * The mean of the token vectors of each text alone, of a graph that others exported and quantized.
 * Usage: node bare_vectors.js FOLDER GRAPH TEXTS OUT
 */

import { readFileSync, writeFileSync } from "node:fs";
import { open } from "./bare.js";

const [folder, graph, texts, out] = process.argv.slice(2);
const run = await open(folder, graph, "last_hidden_state");
const vectors: number[][] = [];
for (const text of JSON.parse(readFileSync(texts, "utf-8")) as string[]) {
  const { data, dims } = await run(text);
  const [, tokens, size] = dims;
  const sum = new Array<number>(size).fill(0);
  data.forEach((value, at) => (sum[at % size] += value));
  vectors.push(sum.map((value) => value / tokens));
}
writeFileSync(out, JSON.stringify(vectors));
process.exit(0);
