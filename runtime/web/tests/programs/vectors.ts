/** The vector of each text alone, in WebAssembly. Usage: node vectors.js BUNDLE VARIANT TEXTS OUT */

import { readFileSync, writeFileSync } from "node:fs";
import { load } from "../../src/index.js";

const [bundle, variant, texts, out] = process.argv.slice(2);
const model = await load(bundle, { variant });
const vectors: number[][] = [];
for (const text of JSON.parse(readFileSync(texts, "utf-8")) as string[])
  vectors.push(Array.from((await model.embed([text]))[0]));
writeFileSync(out, JSON.stringify(vectors));
await model.close();
