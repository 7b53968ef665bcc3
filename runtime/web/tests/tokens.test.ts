/** Tokens and places of many texts, compared with the Rust library's (tests/support/web/write_tokens.py). */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { stringsOf, type Item } from "../src/tokenization/items.js";
import { JsonTokenizer } from "../src/tokenization/json_tokenizer.js";
import type { Tokens } from "../src/tokenization/tokens.js";
import { VECTORS } from "./support.js";

const FOLDER = path.join(VECTORS, "tokens");

interface Case extends Tokens {
  item: Item;
  /** The ids as text, with special tokens and without. */
  decoded: [string, string];
}

interface Recorded {
  name: string;
  tokenizer: string;
  cases: Case[];
}

for (const file of readdirSync(FOLDER)) {
  const { name, tokenizer, cases } = JSON.parse(readFileSync(path.join(FOLDER, file), "utf-8")) as Recorded;
  test(`${name}: ${cases.length} texts have the same tokens, places and words`, () => {
    const found = new JsonTokenizer(tokenizer);
    for (const { item, decoded, ...expected } of cases) {
      const tokens = found.assemble(stringsOf(item).map((text) => found.tokensOf(text)));
      assert.deepEqual(tokens, expected, JSON.stringify(item));
      const texts = [false, true].map((skip) => found.decode(tokens.ids, skip));
      assert.deepEqual(texts, decoded, JSON.stringify(item));
    }
  });
}
