/** The programs of docs/how-to/browser.md, run as they stand against a server of the bundle. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { promisify } from "node:util";
import { BUNDLES, REPOSITORY, site } from "./support.js";

const PAGE = readFileSync(path.join(REPOSITORY, "docs", "how-to", "browser.md"), "utf-8");
/** Inside the package, so that its own name is found. */
const FOLDER = path.join(REPOSITORY, "runtime", "web", "build", "guide");

/** What a browser has and Node wants imported. */
const WORKER = 'import { Worker } from "node:worker_threads";\n';

const programs = [...PAGE.matchAll(/^```js\n([^]*?)^```$/gm)].map(([, program]) => program);

test("the page has programs", () => {
  assert.equal(programs.length, 3);
});

for (const [at, program] of programs.entries())
  test(`program ${at} of the page runs`, async () => {
    const there = await site(path.join(BUNDLES, "embed"));
    const file = path.join(FOLDER, `program_${at}.mjs`);
    const worker = program.includes("new Worker");
    const adapted = program
      .replaceAll('"/my-model/"', JSON.stringify(there.address))
      .replace('new URL("@edgebert/runtime/worker", import.meta.url)', 'new URL(import.meta.resolve("@edgebert/runtime/worker"))');
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(file, `${worker ? WORKER : ""}${adapted}`);
    const { stdout } = await promisify(execFile)(process.execPath, [file]);
    await there.close();
    assert.ok(!/false|problem/.test(stdout.replace("true null", "")), stdout);
    assert.ok(worker || stdout.includes("true"), stdout);
  });
