/** Files kept by their hash, in the CacheStorage of undici, which is that of Node's own fetch. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import test, { afterEach } from "node:test";
import * as undici from "undici";
import { clearCache } from "../src/bundle/cache.js";
import { DownloadError } from "../src/errors.js";
import { open } from "../src/loading/open.js";
import { bundle, site } from "./support.js";

const { caches, fetch, Response } = undici;
Object.assign(globalThis, { caches, fetch, Response });

afterEach(clearCache);

async function opened(address: string, options = {}): Promise<void> {
  const { host } = await open(address, options);
  await host.close();
}

test("a second load asks for the manifest alone", async () => {
  const there = await site(bundle("embed"));
  await opened(there.address);
  const first = there.requests.length;
  await opened(there.address);
  await there.close();
  assert.deepEqual(there.requests.slice(first), ["edgebert.json"]);
});

test("a cached model loads without a network", async () => {
  const there = await site(bundle("embed"));
  await opened(there.address);
  await there.close();
  await opened(there.address);
});

test("without a network and a cached model the error says so", async () => {
  const there = await site(bundle("embed"));
  await there.close();
  await assert.rejects(opened(there.address), (error) => {
    assert.ok(error instanceof DownloadError);
    assert.match(error.message, /edgebert\.json cannot be fetched \(.*ECONNREFUSED.*\); check the network and the address/);
    return true;
  });
});

test("a server that says no is not a missing network", async () => {
  const there = await site(bundle("embed"));
  await opened(there.address);
  const port = Number(new URL(there.address).port);
  await there.close();
  const gone = await site(bundle("nothing-here"), undefined, port);
  await assert.rejects(opened(gone.address), /HTTP status 404; there is no such file; check the address of the bundle/);
  await gone.close();
});

test("with cache: false everything is asked for again, and nothing is kept", async () => {
  const there = await site(bundle("embed"));
  await opened(there.address, { cache: false });
  await opened(there.address, { cache: false });
  assert.equal(there.requests.length, 6);
  await there.close();
  await assert.rejects(opened(there.address), DownloadError);
});

test("a cached file that was spoilt is fetched again", async () => {
  const there = await site(bundle("embed"));
  await opened(there.address);
  const [name] = await caches.keys();
  const cache = await caches.open(name);
  const spoilt = await readFile(`${bundle("embed")}/config.json`);
  for (const request of await cache.keys())
    if (request.url.includes("/sha256/")) await cache.put(request, new Response(spoilt));
  const first = there.requests.length;
  await opened(there.address);
  assert.deepEqual(there.requests.slice(first).sort(), ["edgebert.json", "onnx/model.onnx", "tokenizer.json"]);
  await opened(there.address);
  assert.deepEqual(there.requests.slice(first + 3), ["edgebert.json"]);
  await there.close();
});
