/** Every character through every normalizer, compared with the Rust library (tests/support/web/write_characters.py). */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { buildNormalizer } from "../src/tokenization/normalizer.js";
import { PlacedText } from "../src/tokenization/placed_text.js";
import { VECTORS } from "./support.js";

const FILE = path.join(VECTORS, "characters.json");

interface Recorded {
  part: object;
  changed: Record<string, string>;
}

const recorded = Object.entries(JSON.parse(readFileSync(FILE, "utf-8")) as Record<string, Recorded>);

const BLOCK = 256;

function blocks(): string[][] {
  const found = [];
  for (let first = 0; first <= 0x10ffff; first += BLOCK) {
    if (first >= 0xd800 && first < 0xe000) continue;
    found.push(Array.from({ length: BLOCK }, (_, at) => String.fromCodePoint(first + at)));
  }
  return found;
}

for (const [name, { part, changed }] of recorded) {
  test(`${name} makes of every character what the Rust library makes of it`, () => {
    const normalize = (text: string): string => step(PlacedText.of(text)).text;
    const step = buildNormalizer(part);
    const expected = (character: string): string =>
      Object.hasOwn(changed, character) ? changed[character] : character;
    const others = blocks()
      .filter((block) => block.map(expected).join("") !== block.join("") || normalize(block.join("")) !== block.join(""))
      .flatMap((block) => block.filter((character) => normalize(character) !== expected(character)));
    assert.deepEqual(others, []);
  });
}
