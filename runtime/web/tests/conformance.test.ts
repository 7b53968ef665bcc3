/** The vectors of docs/conformance, to which a reader in any language can be held. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import type { Manifest } from "../src/bundle/manifest.js";
import { readManifest } from "../src/bundle/manifest_reader.js";
import { EdgebertError } from "../src/errors.js";
import { choose, type Provider } from "../src/loading/choice.js";
import { REPOSITORY } from "./support.js";

const FOLDER = path.join(REPOSITORY, "docs", "conformance");
const CASES = readFileSync(path.join(FOLDER, "cases.json"), "utf-8");
const BASE = readFileSync(path.join(FOLDER, "manifest.json"), "utf-8");

interface Case {
  pointer: string;
  value: unknown;
  verdict: "accept" | "refuse";
  says?: string;
}

function read(text: string): Manifest {
  return readManifest(new TextEncoder().encode(text), "the-bundle");
}

/** Values as they are spelled in the file: JSON.parse would read 1.0 as 1. */
function spellings(): string[] {
  const found = [...CASES.matchAll(/"value": (.*), "verdict"/g)];
  return found.map(([, value]) => value);
}

/** manifest.json with another value at a place. */
function changed({ pointer }: Case, spelling: string): string {
  const mark = "\u0000here";
  const manifest = JSON.parse(BASE) as Record<string, unknown>;
  const keys = pointer.split("/").slice(1).map((key) => key.replace(/~1/g, "/").replace(/~0/g, "~"));
  let place: Record<string, unknown> = manifest;
  for (const key of keys.slice(0, -1)) place = place[key] as Record<string, unknown>;
  place[keys.at(-1) as string] = mark;
  return JSON.stringify(manifest).replace(JSON.stringify(mark), () => spelling);
}

test("manifest.json is accepted", () => {
  assert.deepEqual(Object.keys(read(BASE).variants), ["portable", "cpu", "int8", "int8-kernels", "fp16", "attention"]);
});

const cases = JSON.parse(CASES) as Case[];
const values = spellings();

test("every case has its value as it is spelled", () => {
  assert.equal(values.length, cases.length);
});

for (const [at, each] of cases.entries())
  test(`case ${at}: ${each.verdict} ${values[at].slice(0, 60)} at ${each.pointer}`, () => {
    const text = changed(each, values[at]);
    if (each.verdict === "accept") {
      read(text);
      return;
    }
    assert.throws(
      () => read(text),
      (error) => {
        assert.ok(error instanceof EdgebertError);
        assert.ok(error.message.includes(each.says as string), `${error.message} lacks ${each.says}`);
        return true;
      },
    );
  });

for (const name of readdirSync(path.join(FOLDER, "format-1")))
  test(`format 1 is refused by its number: ${name}`, () => {
    const text = readFileSync(path.join(FOLDER, "format-1", name), "utf-8");
    assert.throws(() => read(text), /schema version 1, this edgebert reads 2; run 'edgebert upgrade'/);
  });

/** Python's providers that the table has and that need nothing a browser lacks. */
const PROVIDERS: Record<string, Provider> = {
  cpu: { name: "cpu", needs: "cpu", targets: ["cpu", "portable"], only: false },
  openvino: { name: "openvino", needs: "openvino", targets: ["portable"], only: true },
};

const rows = readFileSync(path.join(FOLDER, "choices.md"), "utf-8")
  .trim()
  .split("\n")
  .slice(2)
  .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()))
  .filter(([, , provider, , , library]) => provider in PROVIDERS && library === "");

test("the table of choices has rows without a library", () => {
  assert.ok(rows.length >= 40, String(rows.length));
});

for (const [task, asked, provider, engine, sets, , , runs, reason] of rows)
  test(`choice: ${task} ${asked} on ${provider}, ONNX Runtime ${engine}, ${sets || "no set"}`, () => {
    const instructionSets = sets ? sets.split(" ") : [];
    const found = choose(read(BASE), { task, asked, provider: PROVIDERS[provider], engine, instructionSets });
    const running = found.find((each) => each.obstacle === null)?.name ?? "nothing";
    assert.equal(running, runs.replace(" (stock)", ""));
    const first = found[0].obstacle ? `${found[0].name} ${found[0].obstacle.reason}` : "";
    if (!first.includes("8-bit weights") && !first.includes("example-kernels")) assert.equal(first, reason);
  });
