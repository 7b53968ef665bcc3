/**
 * The page's service worker: it keeps the page's own files, and gives them where there is no network.
 *
 * The network is asked first, so that a page that was replaced is seen at once. Files of the model
 * are not its business: the runtime keeps them under their hashes.
 */

const NAME = "edgebert-page-1";
const FILES = ["page.css", "page.js", "worker.js", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"];

/** Of the service worker's own scope, which TypeScript keeps apart from a page's. */
interface Scope {
  readonly registration: { readonly scope: string };
  readonly clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
  addEventListener(type: "install" | "activate", listener: (event: Lasting) => void): void;
  addEventListener(type: "fetch", listener: (event: Fetched) => void): void;
}

interface Lasting {
  waitUntil(done: Promise<unknown>): void;
}

interface Fetched extends Lasting {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}

const scope = globalThis as unknown as Scope;
const root = scope.registration.scope;
const kept: ReadonlySet<string> = new Set([root, ...FILES.map((file) => new URL(file, root).href)]);

scope.addEventListener("install", (event) => event.waitUntil(install()));
scope.addEventListener("activate", (event) => event.waitUntil(scope.clients.claim()));
scope.addEventListener("fetch", (event) => {
  const key = keyOf(event.request);
  if (key !== null) event.respondWith(answered(event, key));
});

async function install(): Promise<void> {
  await (await caches.open(NAME)).addAll([...kept]);
  await scope.skipWaiting();
}

/** The address under which a file of the page is kept; null for any other. */
function keyOf(request: Request): string | null {
  const address = new URL(request.url);
  address.search = address.hash = "";
  const key = address.href === `${root}index.html` ? root : address.href;
  return request.method === "GET" && kept.has(key) ? key : null;
}

async function answered(event: Fetched, key: string): Promise<Response> {
  try {
    const found = await fetch(event.request);
    if (found.ok) event.waitUntil(keep(key, found.clone()));
    return found;
  } catch (error) {
    const earlier = await (await caches.open(NAME)).match(key);
    if (earlier === undefined) throw error;
    return earlier;
  }
}

async function keep(key: string, answer: Response): Promise<void> {
  const cache = await caches.open(NAME);
  await cache.put(key, answer).catch(() => undefined); // no room: the file that was kept stays
}
