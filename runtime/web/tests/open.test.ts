/** From a source to an open graph: folders, addresses, what is reported, and how it is stopped. */

import assert from "node:assert/strict";
import test from "node:test";
import { pathToFileURL } from "node:url";
import type { Progress } from "../src/bundle/progress.js";
import { ConfigError } from "../src/errors.js";
import { open } from "../src/loading/open.js";
import { bundle, manifestOf, site } from "./support.js";

for (const [said, source] of [
  ["a folder", bundle("embed")],
  ["a folder by its manifest", `${bundle("embed")}/edgebert.json`],
  ["an address with file:", pathToFileURL(bundle("embed"))],
] as const)
  test(`opens ${said}`, async () => {
    const { host, task } = await open(source, { threads: 1 });
    assert.equal(task, "embed");
    assert.equal(host.info.variant, "portable");
    assert.equal(host.info.threads, 1);
    await host.close();
  });

test("an address is read with the files of one variant, each reported until it is whole", async () => {
  const there = await site(bundle("embed"));
  const events: Progress[] = [];
  const { host } = await open(`${there.address}edgebert.json`, { onProgress: (event) => events.push(event) });
  await host.close();
  await there.close();
  assert.deepEqual(there.requests.sort(), ["edgebert.json", "onnx/model.onnx", "tokenizer.json"]);
  for (const stage of ["download", "verify", "open"]) {
    const last = events.filter((each) => each.stage === stage && each.file === "onnx/model.onnx").at(-1);
    assert.ok(last && last.total > 0 && last.loaded === last.total, stage);
  }
});

test("a variant over bytes of another graph has both files", async () => {
  const { host, encoder } = await open(bundle("classify"), { variant: "int8-cpu" });
  const graphs = ["onnx/model_quantized_cpu.onnx", "onnx/model_quantized.onnx"];
  assert.deepEqual(Object.keys(host.info.sha256), [...graphs, "tokenizer.json"]);
  const [output] = await encoder.run([{ ids: [2, 7, 3], types: [0, 0, 0], mask: [1, 1, 1] }]);
  assert.deepEqual(output["logits"].dims, [3]);
  await host.close();
});

for (const [said, options, message] of [
  ["another task", { task: "tag" }, /has no task 'tag'; it has embed/],
  ["another variant", { variant: "int3" }, /has no variant 'int3'; it has cpu, fp32, portable/],
  ["another provider", { executionProvider: "cuda" as "wasm" }, /executionProvider is 'cuda', expected wasm or webgpu/],
  ["an unknown option", { variants: "int8" } as object, /load has no option variants; it has task, variant/],
  ["no threads", { threads: 0 }, /threads is 0, expected an integer from 1/],
  ["other threads than those that run", { threads: 3 }, /threads is 3, and this page has started 1/],
] as const)
  test(`refuses ${said}`, async () => {
    await assert.rejects(open(bundle("embed"), options), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, message);
      return true;
    });
  });

for (const stage of ["download", "verify", "open"])
  test(`a signal ends it at the stage ${stage}`, async () => {
    const there = await site(bundle("embed"));
    const controller = new AbortController();
    const onProgress = (event: Progress): void => {
      if (event.stage === stage) controller.abort(new Error("enough"));
    };
    await assert.rejects(open(there.address, { signal: controller.signal, onProgress }), { message: "enough" });
    await there.close();
  });

test("a signal that was given before ends it before anything is read", async () => {
  const there = await site(bundle("embed"));
  await assert.rejects(open(there.address, { signal: AbortSignal.abort() }), { name: "AbortError" });
  assert.deepEqual(there.requests, []);
  await there.close();
});

test("says where another precision stands in for the default", async () => {
  const found = manifestOf("classify");
  for (const each of Object.values<any>(found["variants"]))
    if (each.precision === "int8") each.min_onnxruntime = "1.99.0";
  const there = await site(bundle("classify"), (file, _, answer) => {
    if (file === "edgebert.json") answer.end(JSON.stringify(found));
    return file === "edgebert.json";
  });
  const { warn } = console;
  const said: string[] = [];
  console.warn = (text: string) => said.push(text);
  try {
    const { host } = await open(there.address, {});
    assert.equal(host.info.precision, "fp32");
    await host.close();
  } finally {
    console.warn = warn;
    await there.close();
  }
  assert.match(said[0], /variant 'int8-portable' of .* needs ONNX Runtime 1\.99\.0, .*; fp32 runs instead \(variant 'portable'\)/);
});

test("what fails ends the other downloads", async () => {
  let ended = false;
  const there = await site(bundle("embed"), (file, content, answer) => {
    if (file === "tokenizer.json") answer.writeHead(404).end();
    if (file === "onnx/model.onnx") {
      answer.on("close", () => (ended = !answer.writableFinished));
      answer.write(content.subarray(0, 1000)); // and nothing more
    }
    return file !== "edgebert.json";
  });
  await assert.rejects(open(there.address, {}), /tokenizer\.json cannot be fetched: HTTP status 404/);
  while (!ended) await new Promise((resolve) => setTimeout(resolve, 10));
  await there.close();
});
