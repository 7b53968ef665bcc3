/** Every task's steps before and after the graph, compared with Python's (tests/support/web/write_answers.py). */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import type { Manifest } from "../src/bundle/manifest.js";
import type { Encoder, Output, Row, RunOptions } from "../src/inference/encoder.js";
import type { Host } from "../src/inference/host.js";
import { taskModel } from "../src/tasks/registry.js";
import { TextTokenizer } from "../src/tokenization/tokenizer.js";
import { VECTORS } from "./support.js";

const FOLDER = path.join(VECTORS, "answers");
const TOLERANCE = 1e-5;

interface RecordedRow {
  ids: number[];
  types: number[];
  outputs: Record<string, { dims: number[]; data: number[] }>;
}

interface Case {
  item: string | [string, string];
  options: Record<string, unknown>;
  rows?: RecordedRow[];
  answer?: unknown;
  refused?: string;
}

interface Recorded {
  name: string;
  manifest: Manifest;
  tokenizer: string;
  files: Record<string, string>;
  cases: Case[];
}

/** Gives what the graph gave in Python, for exactly the rows that Python ran. */
class Replay implements Encoder {
  readonly outputs = [];
  rows: readonly RecordedRow[] = [];

  async run(rows: readonly Row[], { outputs }: RunOptions = {}): Promise<Output[]> {
    assert.deepEqual(
      rows.map(({ ids, types }) => ({ ids, types })),
      this.rows.map(({ ids, types }) => ({ ids, types })),
    );
    return this.rows.map((row) => {
      const names = outputs ?? Object.keys(row.outputs);
      const tensor = (name: string) => ({
        dims: row.outputs[name].dims,
        data: Float32Array.from(row.outputs[name].data),
      });
      return Object.fromEntries(names.map((name) => [name, tensor(name)]));
    });
  }
}

for (const file of readdirSync(FOLDER)) {
  const recorded = JSON.parse(readFileSync(path.join(FOLDER, file), "utf-8")) as Recorded;
  test(`${recorded.name}: ${recorded.cases.length} items are answered as in Python`, async (context) => {
    context.mock.method(console, "warn", () => undefined);
    const encoder = new Replay();
    const model = modelOf(recorded, encoder);
    for (const each of recorded.cases) {
      encoder.rows = each.rows ?? [];
      const answers = model.predict([each.item], each.options as object);
      if (each.refused) await assert.rejects(answers, { name: each.refused });
      else compare((await answers)[0], each.answer, JSON.stringify([each.item, each.options]));
    }
  });
}

function modelOf({ name, manifest, tokenizer, files }: Recorded, encoder: Encoder) {
  const task = manifest.default_task;
  return new (taskModel(task))({
    manifest,
    task,
    encoder,
    tokenizer: new TextTokenizer(tokenizer, manifest.tokenizer),
    host: { info: { bundle: name } } as Host,
    files: async (paths) => new Map([...paths].map((each) => [each, Buffer.from(files[each], "base64")])),
  });
}

/** Equal but for rounding; Python's names are those of this package in snake case. */
function compare(found: unknown, expected: unknown, place: string): void {
  if (typeof expected === "number") {
    assert.ok(Math.abs((found as number) - expected) <= TOLERANCE, `${place}: ${found}, expected ${expected}`);
  } else if (Array.isArray(expected)) {
    const list = Array.from(found as ArrayLike<unknown>);
    assert.equal(list.length, expected.length, `${place}: ${JSON.stringify(list)}, expected ${JSON.stringify(expected)}`);
    expected.forEach((each, at) => compare(list[at], each, place));
  } else if (typeof expected === "object" && expected !== null) {
    const camel = (key: string): string => key.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
    assert.deepEqual(Object.keys(found as object).sort(), Object.keys(expected).map(camel).sort());
    for (const [key, each] of Object.entries(expected)) {
      compare((found as Record<string, unknown>)[camel(key)], each, `${place}, ${key}`);
    }
  } else {
    assert.equal(found, expected, place);
  }
}
