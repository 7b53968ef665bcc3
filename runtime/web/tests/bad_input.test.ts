/** Bundles and servers that are not what they should be: each its own error, before a graph is opened. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { externalData } from "../src/bundle/external_data.js";
import type { Manifest } from "../src/bundle/manifest.js";
import { readManifest } from "../src/bundle/manifest_reader.js";
import {
  BundleError,
  BundleIntegrityError,
  DownloadError,
  EngineError,
  ProviderUnavailableError,
  UnsafePathError,
} from "../src/errors.js";
import { open } from "../src/loading/open.js";
import { bundle, listing, manifestOf, site, type Fault } from "./support.js";

type Class = new (message: string) => Error;

async function refused(fault: Fault, kind: Class, message: RegExp): Promise<void> {
  const there = await site(bundle("embed"), fault);
  try {
    await assert.rejects(open(there.address, {}), (error) => {
      assert.ok(error instanceof kind, String(error));
      assert.match(error.message, message);
      return true;
    });
  } finally {
    await there.close();
  }
}

/** A fault of one file. */
function of(wanted: string, fault: Fault): Fault {
  return (file, content, answer) => file === wanted && fault(file, content, answer);
}

/** Another content of one file. */
function instead(wanted: string, made: (content: Buffer) => string | Buffer): Fault {
  return of(wanted, (_, content, answer) => {
    answer.end(made(content));
    return true;
  });
}

/** Another manifest. */
function manifest(changes: (found: Record<string, any>) => void): Fault {
  return instead("edgebert.json", () => {
    const found = manifestOf("embed");
    changes(found);
    return JSON.stringify(found);
  });
}

const GRAPH = "onnx/model.onnx";
const PAGE = "<!doctype html><title>Not found</title>";

test("a changed byte of a graph", () =>
  refused(
    instead(GRAPH, (content) => {
      content[1000] ^= 1;
      return content;
    }),
    BundleIntegrityError,
    /onnx\/model\.onnx of http.* has sha256 [0-9a-f]{64}, expected [0-9a-f]{64} as the manifest says; copy or upload/,
  ));

test("a changed byte of the tokenizer", () =>
  refused(
    instead("tokenizer.json", (content) => String(content).replace("e", "f")),
    BundleIntegrityError,
    /tokenizer\.json of http.* has sha256/,
  ));

test("a file that is cut, and the server does not say so", () =>
  refused(instead(GRAPH, (content) => content.subarray(0, 5000)), BundleIntegrityError, /has 5000 bytes, expected \d+/));

test("a file with more bytes", () =>
  refused(instead(GRAPH, (content) => Buffer.concat([content, content])), BundleIntegrityError, /has more bytes, expected/));

test("a connection that ends early", () =>
  refused(
    of(GRAPH, (_, content, answer) => {
      answer.writeHead(200, { "content-length": content.length });
      answer.write(content.subarray(0, 5000), () => answer.destroy());
      return true;
    }),
    DownloadError,
    /onnx\/model\.onnx ended after \d+ bytes of \d+ \(.*\); load it again/,
  ));

test("a file that is not there", () =>
  refused(
    of(GRAPH, (_file, _content, answer) => {
      answer.writeHead(404).end();
      return true;
    }),
    DownloadError,
    /onnx\/model\.onnx cannot be fetched: HTTP status 404; there is no such file; check the address/,
  ));

test("a page in HTML for a file", () =>
  refused(instead(GRAPH, () => PAGE), BundleIntegrityError, /expected \d+ as the manifest says \(the server sent a page in HTML\)/));

test("a page in HTML for the manifest", () =>
  refused(instead("edgebert.json", () => PAGE), BundleError, /is a page in HTML, expected JSON: .*check the address/));

test("a manifest that ends early", () =>
  refused(instead("edgebert.json", (content) => content.subarray(0, 300)), BundleError, /is not valid JSON \(.*\); export the model again/));

test("schema version 1", () =>
  refused(
    manifest((found) => (found["schema_version"] = 1)),
    BundleError,
    /has schema version 1, this edgebert reads 2; run 'edgebert upgrade' on the bundle/,
  ));

test("an engine that is too old", () =>
  refused(
    manifest((found) => {
      for (const each of Object.values<any>(found["variants"])) each.min_onnxruntime = "1.99.0";
    }),
    BundleError,
    /needs ONNX Runtime 1\.99\.0, this is 1\.\d+\.\d+; install a newer onnxruntime-web, or export again/,
  ));

test("a path that leaves the folder", () =>
  refused(
    manifest((found) => (found["files"]["../secret"] = found["files"]["tokenizer.json"])),
    UnsafePathError,
    /names '\.\.\/secret', which contains '\.\.'/,
  ));

test("a graph that is no ONNX file", async () => {
  const content = Buffer.from("this is no graph at all");
  const fault: Fault = (file, _, answer) => {
    if (file !== "edgebert.json" && file !== GRAPH) return false;
    answer.end(file === GRAPH ? content : JSON.stringify(listing(manifestOf("embed"), GRAPH, content)));
    return true;
  };
  await refused(fault, BundleError, /onnx\/model\.onnx of .* is not an ONNX file: .*; export the model again/);
});

test("a graph that the engine cannot open", async () => {
  const content = Buffer.from([8, 99]); // IR version 99 and nothing else
  const fault: Fault = (file, _, answer) => {
    if (file !== "edgebert.json" && file !== GRAPH) return false;
    answer.end(file === GRAPH ? content : JSON.stringify(listing(manifestOf("embed"), GRAPH, content)));
    return true;
  };
  await refused(fault, EngineError, /ONNX Runtime 1\.\d+\.\d+ cannot open onnx\/model\.onnx of .* on 'wasm'/);
});

test("a folder that is not there", () =>
  assert.rejects(open(bundle("nothing"), {}), /edgebert\.json cannot be read \(ENOENT.*\); check the path of the bundle/));

/** Runs with something of the platform missing. */
async function without(owner: object, name: string, run: () => Promise<void>): Promise<void> {
  const found = Object.getOwnPropertyDescriptor(owner, name) as PropertyDescriptor;
  Object.defineProperty(owner, name, { value: undefined, configurable: true });
  try {
    await run();
  } finally {
    Object.defineProperty(owner, name, found);
  }
}

test("no SubtleCrypto", () =>
  without(globalThis, "crypto", () =>
    refused(() => false, ProviderUnavailableError, /no secure context, .* no SubtleCrypto .* serve the page by https, or open it from localhost/),
  ));

test("no WebAssembly", () =>
  without(globalThis, "WebAssembly", () => refused(() => false, ProviderUnavailableError, /no WebAssembly with SIMD/)));

test("WebAssembly without SIMD", async () => {
  const { validate } = WebAssembly;
  // As an engine without the proposal answers; no option of this one switches it off.
  WebAssembly.validate = (bytes) => validate.call(WebAssembly, bytes) && !new Uint8Array(bytes as ArrayBuffer).includes(253);
  try {
    await refused(() => false, ProviderUnavailableError, /no WebAssembly with SIMD.*use Chrome 91, Firefox 89, Safari 16\.4 or newer/);
  } finally {
    WebAssembly.validate = validate;
  }
});

/** The graph of a variant over bytes of another, and its manifest. */
function overBytes(): { found: Manifest; files: Map<string, Uint8Array> } {
  const folder = bundle("classify");
  const found = readManifest(readFileSync(path.join(folder, "edgebert.json")), folder);
  const { files } = found.variants["int8-cpu"];
  return { found, files: new Map(files.map((each) => [each, new Uint8Array(readFileSync(path.join(folder, each)))])) };
}

test("the external data of a graph is found", () => {
  const { found, files } = overBytes();
  const data = externalData(found.variants["int8-cpu"], files, "here");
  assert.deepEqual([...data.keys()], ["model_quantized.onnx"]);
});

test("an external range outside its file", () => {
  const { found, files } = overBytes();
  const [, other] = found.variants["int8-cpu"].files;
  files.set(other, (files.get(other) as Uint8Array).subarray(0, 20_000));
  assert.throws(
    () => externalData({ ...found.variants["int8-cpu"], external: [] }, files, "here"),
    { name: "UnsafePathError", message: /in bytes \d+ to \d+ of 'model_quantized\.onnx', which has 20000 bytes; do not use/ },
  );
});

test("an external range that the manifest does not list", () => {
  const { found, files } = overBytes();
  const variant = found.variants["int8-cpu"];
  const external = [{ ...variant.external[0], length: 1000 }];
  assert.throws(
    () => externalData({ ...variant, external }, files, "here"),
    { name: "UnsafePathError", message: /which the manifest does not list; do not use this bundle/ },
  );
});

test("an external range over another tensor", () => {
  const { found, files } = overBytes();
  const variant = found.variants["int8-cpu"];
  const graph = files.get(variant.file) as Uint8Array;
  assert.throws(
    () => externalData({ ...variant, external: [] }, new Map(files).set(variant.file, moved(graph)), "here"),
    { name: "UnsafePathError", message: /which are not inside one tensor there; do not use this bundle/ },
  );
});

/** A graph whose first external tensor begins a byte later. */
function moved(graph: Uint8Array): Uint8Array {
  const copy = graph.slice();
  const at = Buffer.from(copy).indexOf("offset");
  let digit = at + "offset".length + 2;
  while (copy[digit + 1] >= 0x30 && copy[digit + 1] <= 0x39) digit += 1;
  copy[digit] += copy[digit] === 0x39 ? -1 : 1;
  return copy;
}

test("external data in a file that the manifest does not list", () => {
  const { found, files } = overBytes();
  const variant = found.variants["int8-cpu"];
  files.delete(variant.files[1]);
  assert.throws(
    () => externalData(variant, files, "here"),
    { name: "UnsafePathError", message: /keeps weights in 'model_quantized\.onnx', and the manifest lists only/ },
  );
});
