/** A model in a worker: the same answers, errors, progress and signals. */

import assert from "node:assert/strict";
import test, { after, before } from "node:test";
import { Worker } from "node:worker_threads";
import { ConfigError, InputError, load, loadInWorker, type Progress } from "../src/index.js";
import { bundle } from "./support.js";

const ENTRY = new URL("../src/worker/entry.js", import.meta.url);
const TEXTS = ["The small Cat sat on the mat.", "a dog"];

let worker: Worker;
let model: Awaited<ReturnType<typeof loadInWorker<"embed">>>;
const events: Progress[] = [];

before(async () => {
  worker = new Worker(ENTRY);
  model = await loadInWorker(worker, bundle("embed"), { onProgress: (event) => events.push(event) });
});

after(async () => {
  await worker.terminate();
});

test("answers are those of the same model in the page", async () => {
  const here = await load(bundle("embed"));
  assert.deepEqual(await model.embed(TEXTS), await here.embed(TEXTS));
  assert.deepEqual(await model.countTokens(TEXTS), here.countTokens(TEXTS));
  assert.deepEqual(model.info(), here.info());
  await here.close();
});

test("the self-test runs there", async () => {
  assert.equal((await model.check()).problem, null);
});

test("progress is reported", () => {
  assert.deepEqual([...new Set(events.map((each) => each.stage))], ["download", "verify", "open"]);
});

test("errors have their classes", async () => {
  await assert.rejects(model.embed([1 as unknown as string]), InputError);
  await assert.rejects(loadInWorker(worker, bundle("embed")), ConfigError);
});

test("what cannot be sent is refused", async () => {
  await assert.rejects(model.embed(["a"], { prompt: (() => "") as unknown as string }), ConfigError);
});

test("a signal ends a call", async () => {
  const controller = new AbortController();
  const call = model.embed(Array(3000).fill(TEXTS[0]), { signal: controller.signal });
  setTimeout(() => controller.abort(new Error("enough")), 50);
  await assert.rejects(call, { message: "enough" });
  assert.equal((await model.embed(TEXTS)).length, 2);
});

test("a script that cannot run is told", async () => {
  const wrong = new Worker(new URL("./nothing.js", import.meta.url));
  await assert.rejects(loadInWorker(wrong, bundle("embed")), { name: "EngineError", message: /the worker has ended: .*nothing\.js/ });
});
