/** Every task and variant, from the files that Python wrote to the answers that Python gives. */

import assert from "node:assert/strict";
import test from "node:test";
import type { Answerer, Classifier, Embedder, MaskFiller, NextSentence, Ranker, Tagger } from "../src/index.js";
import { load } from "../src/index.js";
import type { TaskName } from "../src/tasks/registry.js";
import { bundle, expected, manifestOf, type Expected } from "./support.js";

/** Of fp32; other precisions have the self-test's. */
const TOLERANCE = 1e-5;

type Pair = [string, string];

/** The answer to one item, by the method of the task. */
async function answer(model: unknown, task: string, item: string | Pair): Promise<unknown> {
  const [first, second] = item as Pair;
  switch (task as TaskName) {
    case "embed":
      return Array.from((await (model as Embedder).embed([item as string]))[0]);
    case "classify":
      return (await (model as Classifier).classify([item]))[0];
    case "tag":
      return (await (model as Tagger).tag([item as string]))[0];
    case "answer":
      return (model as Answerer).answer(first, second, { topK: 3 });
    case "rank":
      return (model as Ranker).rank(first, [second, first]);
    case "fill":
      return (model as MaskFiller).fill(item as string);
    case "next_sentence":
      return (model as NextSentence).score(first, second);
  }
}

/** Compares answers, numbers by a tolerance; Python's keys are in snake case. */
function compare(found: unknown, wanted: unknown, place: string): void {
  if (typeof wanted === "number") {
    assert.equal(typeof found, "number", place);
    assert.ok(Math.abs((found as number) - wanted) <= TOLERANCE, `${place} is ${found}, expected ${wanted}`);
  } else if (Array.isArray(wanted)) {
    assert.equal((found as unknown[]).length, wanted.length, place);
    wanted.forEach((each, at) => compare((found as unknown[])[at], each, `${place}[${at}]`));
  } else if (typeof wanted === "object" && wanted !== null) {
    for (const [key, each] of Object.entries(wanted)) {
      const name = key.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
      compare((found as Record<string, unknown>)[name], each, `${place}.${name}`);
    }
  } else assert.equal(found, wanted, place);
}

for (const { folder, task, items, answers } of expected() as Expected[])
  for (const [variant, wanted] of Object.entries(answers)) {
    const exact = manifestOf(folder)["variants"][variant].precision === "fp32";
    test(`${folder}, ${variant}: ${exact ? "the answers are Python's, and " : ""}the self-test passes`, async () => {
      const model = await load(bundle(folder), { task: task as TaskName, variant });
      assert.equal(model.info().variant, variant);
      if (exact)
        for (const [at, item] of items.entries())
          compare(await answer(model, task, item), wanted[at], `${task} ${at}`);
      const report = await model.check();
      assert.equal(report.problem, null);
      assert.ok(report.passed && report.samples > 0);
      assert.ok((report.worst as number) <= (report.tolerance as number));
      await model.close();
    });
  }

test("MiniLM's int8 vectors are within the self-test's tolerance of Python's", async () => {
  const { items, answers } = expected().find((each) => each.folder === "minilm") as Expected;
  const model = await load(bundle("minilm"));
  assert.equal(model.info().precision, "int8");
  const vectors = await model.embed(items as string[]);
  for (const [at, vector] of vectors.entries()) {
    const wanted = answers["int8-portable"][at] as number[];
    const off = Math.hypot(...wanted.map((value, place) => value - vector[place]));
    assert.ok(off <= 0.045, `text ${at} is off by ${off}`);
  }
  await model.close();
});

test("a text has one answer, whatever stands beside it", async () => {
  const model = await load(bundle("embed"));
  const [alone] = await model.embed(["a dog"]);
  const [first, , third] = await model.embed(["a dog", "The small Cat sat on the mat. ".repeat(5), "a dog"]);
  for (const vector of [first, third]) compare(Array.from(vector), Array.from(alone), "the vector");
  await model.close();
});

test("a closed model says so", async () => {
  const model = await load(bundle("embed"));
  await model.close();
  await assert.rejects(model.embed(["a"]), { name: "ModelClosedError", message: /closed; load it again/ });
});

test("a signal ends a call", async () => {
  const model = await load(bundle("embed"));
  const controller = new AbortController();
  const call = model.embed(Array(3000).fill("The small Cat sat on the mat."), { signal: controller.signal });
  setTimeout(() => controller.abort(new Error("enough")), 50);
  await assert.rejects(call, { message: "enough" });
  await model.close();
});
